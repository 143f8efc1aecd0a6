/**
 * The last thing that runs in the machine. A system that shuts down in the usual way writes once more what the seal step has just taken
 * out (a random seed, the time, its logs). So those who write are stopped first, and the disk is made quiet by the kernel.
 */
export const finishScript = `#!/bin/sh
# Stops who writes, runs the step "seal", gives free space back, and leaves the root file system read-only.
set -eu
cd /
[ -z "\${GABARIT_SEAL:-}" ] || cp "$GABARIT_SEAL" /run/gabarit-seal.sh

if [ -d /run/systemd/system ]; then
  # Each of them may be absent.
  systemctl stop cron.service crond.service chronyd.service chrony.service systemd-timesyncd.service rsyslog.service \\
    apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer unattended-upgrades.service packagekit.service \\
    systemd-journal-flush.service systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket \\
    systemd-journald.service 2>/dev/null || true
fi

[ ! -e /run/gabarit-seal.sh ] || /bin/sh -eu /run/gabarit-seal.sh

# Twice: what was deleted is free only when the journal of the file system says so.
sync
if ! fstrim / 2>/dev/null; then
  # A disk that cannot be told: the free space is filled with zeros.
  dd if=/dev/zero of=/zero bs=1M 2>/dev/null || true
  sync
  rm -f /zero
fi
[ ! -d /boot/efi ] || fstrim /boot/efi 2>/dev/null || true
sync

echo u >/proc/sysrq-trigger
# The kernel does it beside us.
tries=0
until grep -q '^[^ ]* / [^ ]* ro[, ]' /proc/mounts || [ "$tries" -ge 50 ]; do
  tries=$((tries + 1))
  sleep 0.2
done
if [ "\${GABARIT_POWER_OFF:-no}" = yes ]; then
  # Later, so that Packer hears that all is well.
  (sleep 5; echo o >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &
fi
echo "finish: the disk is quiet"
`;
