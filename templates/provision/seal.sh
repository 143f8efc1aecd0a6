#!/bin/sh
# Seal: the last step. Takes out all that belongs to one machine, one build or one person, so that every clone starts anew.
# It runs in an image tree as well as in a machine that is about to be switched off and copied.
#
# Parameters (with: in the definition):
#   build-user  the account that built a machine over SSH; it is removed
set -eu
umask 022
export LC_ALL=C

die() { echo "seal: $*" >&2; exit 1; }
# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac
# Empties a folder, whatever the names in it. The folder itself keeps its owner and mode.
empty() {
  for folder; do
    [ -d "$folder" ] && [ ! -L "$folder" ] && set -- "$@" "$folder"
    shift
  done
  [ $# = 0 ] || find "$@" -xdev -mindepth 1 -delete
}

# --- people -----------------------------------------------------------------------------------------------------------
if [ -n "${GABARIT_WITH_BUILD_USER:-}" ]; then
  user=$GABARIT_WITH_BUILD_USER
  # It may be the one who is logged in, so its processes are no reason to keep it.
  ! grep -q "^$user:" /etc/passwd || userdel -rf "$user" 2>/dev/null || [ $? = 12 ] || die "user $user cannot be removed"
  rm -f "/etc/sudoers.d/$user" "/etc/sudoers.d/90-$user"
fi
people=$(awk -F: '$3 >= 1000 && $3 < 60000 { printf " %s", $1 }' /etc/passwd)
[ -z "$people" ] || die "people must not be part of an image, cloud-init makes them at first boot; found:$people" \
  "(accounts of services need an id below 1000: useradd --system)"

# Any password would be the same on every clone. Locking keeps the account usable with a key or sudo.
unlocked=$(awk -F: '$2 !~ /^[!*]/ { print $1 }' /etc/shadow)
for name in $unlocked; do
  echo "seal: locked the password of $name"
  usermod -p '!*' "$name"
done
rm -rf /root/.ssh /home/*/.ssh

# --- identity of the machine ------------------------------------------------------------------------------------------
# Empty, not absent: absent would make systemd apply its presets at first boot and enable what is disabled here.
: > /etc/machine-id
chmod 0444 /etc/machine-id
[ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id
rm -f /etc/ssh/ssh_host_*
rm -f /var/lib/systemd/random-seed /var/lib/urandom/random-seed /var/lib/systemd/credential.secret /boot/efi/loader/random-seed
rm -f /etc/iscsi/initiatorname.iscsi /etc/nvme/hostid /etc/nvme/hostnqn /etc/multipath/bindings /etc/multipath/wwids
rm -f /var/lib/systemd/timesync/clock /etc/hostid
echo localhost > /etc/hostname
rm -rf /var/lib/systemd/coredump/* /var/crash/* /var/lib/systemd/linger/*

# --- network ----------------------------------------------------------------------------------------------------------
rm -f /etc/udev/rules.d/70-persistent-net.rules /etc/udev/rules.d/75-persistent-net-generator.rules \
  /etc/udev/rules.d/75-cloud-ifupdown.rules
empty /var/lib/dhcp /var/lib/dhclient /var/lib/dhcpcd /var/lib/NetworkManager /var/lib/systemd/network /var/lib/wicked
rm -f /etc/resolv.conf.* /etc/.resolv.conf.*
if [ $family = apt ]; then
  [ "$(readlink /etc/resolv.conf || true)" = ../run/systemd/resolve/stub-resolv.conf ] ||
    ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf || die "/etc/resolv.conf cannot be replaced"
elif [ ! -L /etc/resolv.conf ] && [ -s /etc/resolv.conf ]; then
  # NetworkManager or netconfig writes it at the next boot. In a tree, it may be a mount of the one who builds.
  : > /etc/resolv.conf 2>/dev/null || die "/etc/resolv.conf cannot be emptied"
fi
# Cards of the machine that an installer or an earlier boot configured; what the base step wrote stays.
for file in /etc/NetworkManager/system-connections/* /etc/sysconfig/network-scripts/ifcfg-* /etc/sysconfig/network/ifcfg-*; do
  case ${file##*/} in
  gabarit-* | ifcfg-lo | ifcfg.template) continue ;;
  ifcfg-eth0) ! grep -qs '^# Created by cloud-init\|^HWADDR=\|^LLADDR=\|^UUID=' "$file" || rm -f "$file" ;;
  *) rm -f "$file" ;;
  esac
done
rm -f /etc/sysconfig/network-scripts/route-* /etc/sysconfig/network-scripts/rule-* /etc/sysconfig/network/ifroute-*

# --- cloud-init: what an earlier first boot left ----------------------------------------------------------------------
rm -rf /var/lib/cloud
rm -f /etc/cloud/cloud-init.disabled /etc/cloud/cloud.cfg.d/90-installer* /etc/cloud/cloud.cfg.d/99-installer.cfg \
  /etc/cloud/cloud.cfg.d/*subiquity* /etc/cloud/cloud.cfg.d/90_dpkg.cfg \
  /etc/netplan/50-cloud-init.yaml /etc/netplan/00-installer-config.yaml /etc/systemd/network/10-cloud-init-* \
  /etc/systemd/network/10-netplan-* /etc/network/interfaces.d/50-cloud-init /etc/sudoers.d/90-cloud-init-users \
  /etc/ssh/sshd_config.d/50-cloud-init.conf /etc/systemd/network/50-cloud-init-* /etc/NetworkManager/conf.d/*cloud-init*
[ ! -d /run/cloud-init ] || rm -rf /run/cloud-init

# --- packages ---------------------------------------------------------------------------------------------------------
case $family in
apt)
  # Lists go, their folder stays as apt wants it, so that the next "apt-get update" just works.
  empty /var/lib/apt/lists
  install -d -m 0700 -o _apt -g root /var/lib/apt/lists/partial
  empty /var/cache/apt/archives
  install -d -m 0700 -o _apt -g root /var/cache/apt/archives/partial
  rm -f /var/cache/apt/*.bin /var/lib/dpkg/*-old /var/lib/dpkg/lock* /var/cache/debconf/*-old /usr/sbin/policy-rc.d
  [ ! -s /var/cache/debconf/passwords.dat ] || : > /var/cache/debconf/passwords.dat
  ;;
*)
  empty /var/cache/dnf /var/cache/yum /var/cache/libdnf5 /var/cache/zypp /var/cache/PackageKit /var/lib/dnf/repos
  rm -f /var/lib/dnf/saved_releasever /var/lib/dnf/countme /var/lib/dnf/last_makecache
  # What Red Hat knows this machine by. The file of repositories is made from it at the next registration.
  empty /etc/pki/consumer /etc/pki/entitlement /var/lib/rhsm
  rm -f /etc/insights-client/machine-id /etc/insights-client/.registered /etc/insights-client/.unregistered
  ! grep -qs 'subscription-manager' /etc/yum.repos.d/redhat.repo || rm -f /etc/yum.repos.d/redhat.repo
  # The number that the mirrors count this machine by, and what SUSE knows it by.
  rm -f /var/lib/zypp/AnonymousUniqueId /var/lib/zypp/LastDistributionFlavor /etc/zypp/credentials.d/SCCcredentials /etc/SUSEConnect
  # Locks and the environment of rpm's older database; the database itself stays as it is.
  rm -f /var/lib/rpm/__db.* /var/lib/rpm/.rpm.lock /var/lib/rpm/.dbenv.lock /usr/lib/sysimage/rpm/.rpm.lock
  rm -f /root/anaconda-ks.cfg /root/original-ks.cfg /root/initial-setup-ks.cfg /root/install.log /root/install.log.syslog
  empty /var/lib/YaST2 /var/adm/autoinstall /var/log/YaST2 /var/log/anaconda /var/log/agama-installation
  ;;
esac
empty /var/backups

# --- logs and traces --------------------------------------------------------------------------------------------------
# Logs of the installation and rotated ones go; the rest is emptied, because its owner and mode matter to who writes it.
empty /var/log/journal /var/log/apt /var/log/installer /var/log/unattended-upgrades
rm -f /var/log/cloud-init*.log /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/log/fontconfig.log
find /var/log -xdev -type f \( -name '*.gz' -o -name '*.xz' -o -name '*.old' -o -name '*.[0-9]' -o -name '*.[0-9][0-9]' \
  -o -name '*-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]' \) -delete -o -type f -size +0 -exec truncate -s 0 {} +
for home in /root /home/*; do
  rm -rf "$home"/.bash_history "$home"/.zsh_history "$home"/.ash_history "$home"/.python_history "$home"/.sqlite_history \
    "$home"/.mysql_history "$home"/.psql_history "$home"/.node_repl_history "$home"/.lesshst "$home"/.viminfo \
    "$home"/.wget-hsts "$home"/.cache "$home"/.rpmdb "$home"/.local/share/nano "$home"/.sudo_as_admin_successful
done
empty /var/spool/cron/crontabs /var/mail /var/spool/mail /tmp /var/tmp
rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
find /etc -xdev -type f \( -name '*~' -o -name '*.dpkg-old' -o -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.dpkg-tmp' \
  -o -name '*.ucf-old' -o -name '*.ucf-dist' -o -name '*.ucf-new' -o -name '*.rpmsave' -o -name '*.rpmnew' -o -name '*.rpmorig' \
  -o -name '.*.sw?' \) -delete

# --- SELinux ----------------------------------------------------------------------------------------------------------
# Files that were made where SELinux does not run have no labels; a machine that boots with them works by half. The first boot sets
# them all, and starts once more. Where SELinux runs, they are set here.
if grep -qsE '^SELINUX=(enforcing|permissive)' /etc/selinux/config; then
  if [ -e /sys/fs/selinux/enforce ]; then
    restorecon -RF /etc /root /home /var /usr/local /boot 2>/dev/null || die "restorecon failed"
  else
    : > /.autorelabel
  fi
fi
