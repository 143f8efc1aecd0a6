#!/bin/sh
# Hardening: a sound base for every machine. Nothing here costs a feature that a server needs, breaks cloud-init,
# or fails a unit; stricter profiles build on it.
#
# Parameters (with: in the definition):
#   umask  of new files and home folders of people: 027 by default
set -eu
umask 022

die() { echo "hardening: $*" >&2; exit 1; }
# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac

new_umask=${GABARIT_WITH_UMASK:-027}
case $new_umask in
[0-7][0-7][0-7] | 0[0-7][0-7][0-7]) ;;
*) die "parameter umask is \"$new_umask\"; it must be octal, such as \"027\"" ;;
esac

# --- kernel -----------------------------------------------------------------------------------------------------------
# "-" before a key: a kernel that lacks it is no error.
cat > /etc/sysctl.d/60-gabarit.conf <<'SYSCTL'
# Kernel addresses and messages are for root.
kernel.kptr_restrict = 2
kernel.dmesg_restrict = 1
# Debugging: a process only by its parent, the kernel's own tools only by root.
-kernel.yama.ptrace_scope = 1
-kernel.perf_event_paranoid = 3
-kernel.unprivileged_bpf_disabled = 1
-net.core.bpf_jit_harden = 2
-vm.unprivileged_userfaultfd = 0
# No other kernel is started from this one, no line discipline is loaded on request, no magic keys on the console.
-kernel.kexec_load_disabled = 1
-dev.tty.ldisc_autoload = 0
kernel.sysrq = 0
# Memory layout and core files.
kernel.randomize_va_space = 2
-vm.mmap_min_addr = 65536
fs.suid_dumpable = 0
kernel.core_pattern = |/bin/false
# Links and pipes in /tmp that others have laid.
fs.protected_hardlinks = 1
fs.protected_symlinks = 1
fs.protected_fifos = 2
fs.protected_regular = 2
# A host, not a router: it takes no routes from strangers and answers no forged or broadcast packets.
net.ipv4.conf.all.accept_redirects = 0
net.ipv4.conf.default.accept_redirects = 0
net.ipv4.conf.all.secure_redirects = 0
net.ipv4.conf.default.secure_redirects = 0
net.ipv4.conf.all.send_redirects = 0
net.ipv4.conf.default.send_redirects = 0
net.ipv4.conf.all.accept_source_route = 0
net.ipv4.conf.default.accept_source_route = 0
net.ipv4.conf.all.rp_filter = 1
net.ipv4.conf.default.rp_filter = 1
net.ipv4.icmp_echo_ignore_broadcasts = 1
net.ipv4.icmp_ignore_bogus_error_responses = 1
net.ipv4.tcp_syncookies = 1
-net.ipv6.conf.all.accept_redirects = 0
-net.ipv6.conf.default.accept_redirects = 0
-net.ipv6.conf.all.accept_source_route = 0
-net.ipv6.conf.default.accept_source_route = 0
SYSCTL

# Debian's own file for links and pipes says less and would be read later; a link of its name to /dev/null hides it.
for file in protect-links.conf 99-protect-links.conf; do
  [ ! -e "/usr/lib/sysctl.d/$file" ] || ln -sfn /dev/null "/etc/sysctl.d/$file"
done

# Protocols and file systems that no template needs and whose code has been a way into the kernel. Never iso9660, vfat
# or udf: seeds of cloud-init come on them. modprobe reads this when someone asks for the module; no initramfs needs it.
mkdir -p /etc/modprobe.d
{
  echo "# Rarely used, often attacked. To use one, remove its line."
  for module in dccp sctp rds tipc n_hdlc ax25 netrom rose x25 appletalk ipx decnet can atm af_802154 p8022 p8023 psnap \
    cramfs freevxfs jffs2 hfs hfsplus firewire_core thunderbolt; do
    echo "install $module /bin/false"
    echo "blacklist $module"
  done
} > /etc/modprobe.d/60-gabarit.conf

# --- core files -------------------------------------------------------------------------------------------------------
mkdir -p /etc/security/limits.d /etc/systemd/system.conf.d /etc/systemd/coredump.conf.d
echo '* hard core 0' > /etc/security/limits.d/60-gabarit.conf
printf '[Manager]\nDefaultLimitCORE=0\n' > /etc/systemd/system.conf.d/60-gabarit.conf
# Only read where systemd-coredump is installed.
printf '[Coredump]\nStorage=none\nProcessSizeMax=0\n' > /etc/systemd/coredump.conf.d/60-gabarit.conf

# --- people -----------------------------------------------------------------------------------------------------------
# For folders that useradd makes, for PAM (Debian 13) and for login shells. Services keep 022.
# openSUSE 16 has its own in /usr and reads ours after it, from a folder.
login_defs=/etc/login.defs
if [ ! -e "$login_defs" ]; then
  mkdir -p /etc/login.defs.d
  login_defs=/etc/login.defs.d/60-gabarit.defs
fi
set_login_def() {
  if grep -q "^$1[[:space:]]" "$login_defs" 2>/dev/null; then
    sed -i "s/^$1[[:space:]].*/$1\t$2/" "$login_defs"
  else
    printf '%s\t%s\n' "$1" "$2" >> "$login_defs"
  fi
}
set_login_def UMASK "$new_umask"
set_login_def HOME_MODE 0700
echo "umask $new_umask" > /etc/profile.d/60-gabarit-umask.sh
chmod 0700 /root

# Nobody logs in as root, neither by password nor on the console; sudo is the way.
case $(grep '^root:' /etc/shadow) in
root:[!*]*) ;;
*) usermod -p '!*' root ;;
esac

cat > /etc/sudoers.d/10-gabarit <<'SUDOERS'
# A program started by sudo gets a terminal of its own and cannot type into the caller's. Every use is in the journal.
Defaults use_pty
Defaults !visiblepw
SUDOERS
if [ $family = zypper ] && grep -q '^Defaults targetpw' /etc/sudoers 2>/dev/null; then
  # openSUSE asks for root's password, and then lets everybody do everything. Root has none here: each uses his own, if sudo knows him.
  sed -i 's/^Defaults targetpw/#&/; s/^ALL[[:space:]]*ALL=(ALL)[[:space:]]*ALL/#&/' /etc/sudoers
fi
chmod 0440 /etc/sudoers.d/10-gabarit
# Since 25.10, Ubuntu's sudo is another program, which shows no passwords and does not know the setting.
if ! visudo -q -c -f /etc/sudoers.d/10-gabarit >/dev/null 2>&1; then
  sed -i '/visiblepw/d' /etc/sudoers.d/10-gabarit
  visudo -q -c -f /etc/sudoers.d/10-gabarit || die "visudo refuses /etc/sudoers.d/10-gabarit"
fi

# --- programs that run as their owner ---------------------------------------------------------------------------------
# Left with it: sudo, passwd (a person changes an own expired password), unix_chkpwd (PAM), ssh-agent and the D-Bus helper.
# su stays for the group that may use sudo anyway. What brings the packages remembers all of this over upgrades.
programs='chfn|chsh|gpasswd|newgrp|mount|umount|chage|expiry|su'
if [ $family = apt ]; then
  # The list of files of each package has their paths as dpkg knows them: /bin/su before the merge of /usr, /usr/bin/su after.
  overrides=$(cat /var/lib/dpkg/statoverride)
  cd /var/lib/dpkg/info
  grep -hxE "(/usr)?/bin/($programs)|/usr/lib/openssh/ssh-keysign" -- *.list | while read -r path; do
    case $overrides in
    *" $path
"* | *" $path") continue ;;
    esac
    case $path in
    */su) dpkg-statoverride --update --add root sudo 4750 "$path" ;;
    *) dpkg-statoverride --update --add root root 0755 "$path" ;;
    esac
  done
  cd /
else
  # rpm itself remembers nothing: systemd-tmpfiles sets them again at every boot. openSUSE's own tool reads a list of its own.
  : > /etc/tmpfiles.d/60-gabarit-modes.conf.new
  for path in /usr/bin/chfn /usr/bin/chsh /usr/bin/gpasswd /usr/bin/newgrp /usr/bin/mount /usr/bin/umount /usr/bin/chage \
    /usr/bin/expiry /usr/bin/su /usr/libexec/openssh/ssh-keysign /usr/lib/ssh/ssh-keysign /usr/sbin/grub2-set-bootflag \
    /usr/sbin/pam_timestamp_check; do
    if [ ! -e "$path" ] || [ -L "$path" ]; then continue; fi
    case $path in
    */su) mode=4750 group=wheel ;;
    *) mode=0755 group=root ;;
    esac
    chown "root:$group" "$path"
    chmod "$mode" "$path"
    echo "z $path $mode root $group" >> /etc/tmpfiles.d/60-gabarit-modes.conf.new
    if [ -e /etc/permissions.local ]; then
      grep -qxF "$path root:$group $mode" /etc/permissions.local || echo "$path root:$group $mode" >> /etc/permissions.local
    fi
  done
  mv /etc/tmpfiles.d/60-gabarit-modes.conf.new /etc/tmpfiles.d/60-gabarit-modes.conf
fi

# --- files ------------------------------------------------------------------------------------------------------------
# What runs by the clock, and the boot menu with its kernel arguments, are read by root alone.
for path in /etc/crontab /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly /etc/cron.d /boot/grub \
  /boot/grub2; do
  [ ! -e "$path" ] || chmod go-rwx "$path"
done

# --- what strangers read ----------------------------------------------------------------------------------------------
# Before login: no name and version of the system.
echo 'Authorized use only.' > /etc/issue
echo 'Authorized use only.' > /etc/issue.net
: > /etc/motd
