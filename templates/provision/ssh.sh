#!/bin/sh
# SSH server: keys only, modern algorithms, host keys made by each machine for itself.
#
# Parameters (with: in the definition):
#   forwarding  no (default), or tcp for machines that people jump through or reach other ports by
#   port        22 by default
set -eu
umask 022

die() { echo "ssh: $*" >&2; exit 1; }
# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac
unit=ssh.service
[ $family = apt ] || unit=sshd.service

case ${GABARIT_WITH_FORWARDING:-no} in
no | false) forwarding='DisableForwarding yes' ;;
tcp | yes | true) forwarding='AllowTcpForwarding yes' ;;
*) die "parameter forwarding is \"$GABARIT_WITH_FORWARDING\"; it must be no or tcp" ;;
esac
port=${GABARIT_WITH_PORT:-22}
case $port in
*[!0-9]* | '') die "parameter port is \"$port\"; it must be a number" ;;
esac

[ -x /usr/sbin/sshd ] || die "the package openssh-server is not in the image"
# A person's own file goes before the one that openSUSE 16 brings in /usr.
main=/etc/ssh/sshd_config
[ -e "$main" ] || main=/usr/etc/ssh/sshd_config
# sshd takes the first value that it meets, so ours have to be read before anything else: from a file of their own, or, for the
# sshd of Red Hat 8, which cannot include one, at the beginning of the only file.
settings=/etc/ssh/sshd_config.d/10-gabarit.conf
older=
if ! grep -q '^Include /etc/ssh/sshd_config.d/\*.conf' "$main"; then
  [ $family = dnf ] || die "$main does not include /etc/ssh/sshd_config.d/*.conf"
  settings=/etc/ssh/sshd_config
  older=$(sed '/^# --- gabarit ---$/,/^# --- end of gabarit ---$/d' "$main")
fi
if [ "$port" != 22 ] && grep -q '^SELINUX=enforcing' /etc/selinux/config 2>/dev/null; then
  command -v semanage >/dev/null ||
    die "SELinux lets sshd listen on port 22 only; add the package policycoreutils-python-utils to change that"
  semanage port -N -a -t ssh_port_t -p tcp "$port" 2>/dev/null || semanage port -N -m -t ssh_port_t -p tcp "$port"
fi

[ -z "$older" ] || echo '# --- gabarit ---' > "$settings.new"
mkdir -p /etc/ssh/sshd_config.d
cat >> "$settings.new" <<SSHD
# Read before the rest of the configuration; the first value wins. To change one, write it in a file whose name sorts
# before this one, such as 00-site.conf.
Port $port

# Who: keys of ordinary users. Passwords are off also where a user has one; cloud-init's ssh_pwauth cannot turn them on.
PermitRootLogin no
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
ChallengeResponseAuthentication no
PermitEmptyPasswords no
HostbasedAuthentication no
GSSAPIAuthentication no
KerberosAuthentication no
PermitUserEnvironment no
MaxAuthTries 4
LoginGraceTime 60
MaxStartups 10:30:60
MaxSessions 10

# What: shells and files. X11 and agent forwarding hand the client's secrets to this machine.
X11Forwarding no
AllowAgentForwarding no
PermitTunnel no
GatewayPorts no
$forwarding

# How: what this version of OpenSSH offers by itself, newest first, less everything with SHA-1, 64-bit tags or a
# 2048-bit group. Taking away instead of listing lets an upgrade bring newer algorithms.
KexAlgorithms -*-sha1,diffie-hellman-group14-*,diffie-hellman-group-exchange-*
Ciphers -*-cbc,3des-*,arcfour*
MACs -hmac-sha1*,hmac-md5*,umac-64*
HostKeyAlgorithms -ssh-rsa*,ssh-dss*
PubkeyAcceptedKeyTypes -ssh-rsa*,ssh-dss*
$(if [ -z "$older" ]; then echo 'CASignatureAlgorithms -ssh-rsa'; fi)

# A client that has gone is noticed after a minute and a half; what happened is in the log, with the key's fingerprint.
ClientAliveInterval 30
ClientAliveCountMax 3
LogLevel VERBOSE
$(if [ $family = apt ]; then printf '# Says less about the system before login.\nDebianBanner no'; fi)
SSHD
[ -z "$older" ] || printf '%s\n' '# --- end of gabarit ---' "$older" >> "$settings.new"
mv "$settings.new" "$settings"
for file in /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*; do
  [ ! -e "$file" ] || chmod 0600 "$file"
done

# Host keys identify one machine; the image has none. They are made at first boot, before sshd checks its configuration:
# by cloud-init where it runs (it is ordered before this unit), else here.
install -D -m 0755 "${GABARIT_FILES:?ssh: GABARIT_FILES is not set}/ssh-host-keys" /usr/local/lib/gabarit/ssh-host-keys
cat > /etc/systemd/system/gabarit-ssh-host-keys.service <<UNIT
[Unit]
Description=Make the SSH host keys of this machine
After=cloud-init.service cloud-init-network.service
Before=$unit
ConditionPathIsReadWrite=/etc/ssh
ConditionFileNotEmpty=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/local/lib/gabarit/ssh-host-keys

[Install]
WantedBy=$unit
UNIT
systemctl --quiet enable "$unit" gabarit-ssh-host-keys.service
# Red Hat's own makes keys of all types, RSA among them, which takes long.
for type in rsa ecdsa ed25519; do
  [ ! -e /usr/lib/systemd/system/sshd-keygen@.service ] || systemctl --quiet mask "sshd-keygen@$type.service"
done

# Debian 13: systemd opens further doors to sshd on VSOCK and a local socket, past any firewall. One door is enough.
if [ -e /usr/lib/systemd/system-generators/systemd-ssh-generator ] || [ -e /lib/systemd/system-generators/systemd-ssh-generator ]; then
  mkdir -p /etc/systemd/system-generators
  ln -sfn /dev/null /etc/systemd/system-generators/systemd-ssh-generator
fi
