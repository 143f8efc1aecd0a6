#!/bin/sh
# cloud-init: where the first boot takes its identity from, and the user that it makes.
#
# Parameters (with: in the definition):
#   datasources  in order of trust; NoCloud and ConfigDrive by default. "None" is added by itself
#   groups       further groups of the default user, space or comma separated
set -eu
umask 022

die() { echo "cloud-init: $*" >&2; exit 1; }
# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac
# "a b", "a,b" and "a, b" all become "a, b": a YAML list without its brackets.
yaml_list() { printf '%s' "$1" | tr -s ', \n' '   ' | sed 's/^ //; s/ $//; s/ /, /g'; }

[ -d /etc/cloud/cloud.cfg.d ] || die "the package cloud-init is not in the image"

user=${GABARIT_USER:-${GABARIT_DISTRO:-debian}}
# Those who read the logs, and those who may use sudo: not every system has them all.
groups=
for group in adm systemd-journal; do
  ! grep -q "^$group:" /etc/group || groups="$groups${groups:+, }$group"
done
admins=wheel
[ $family != apt ] || admins=sudo
case ${GABARIT_SUDO:-nopasswd} in
nopasswd) sudo='["ALL=(ALL) NOPASSWD:ALL"]' ;;
password) sudo='["ALL=(ALL) ALL"]' groups="$groups${groups:+, }$admins" ;;
none) sudo=false ;;
*) die "sudo policy \"$GABARIT_SUDO\" is not nopasswd, password or none" ;;
esac
more=$(yaml_list "${GABARIT_WITH_GROUPS:-}")
[ -z "$more" ] || groups="$groups${groups:+, }$more"

sources=$(yaml_list "${GABARIT_WITH_DATASOURCES:-NoCloud ConfigDrive}")
case ", $sources, " in
*", None, "*) ;;
*) sources="$sources, None" ;;
esac

# What cloud-init writes the network for, as far as this version of it can.
can_render() {
  for file in /usr/lib/python3*/*-packages/cloudinit/net/"$1".py; do [ ! -e "$file" ] || return 0; done
  return 1
}
case $family in
apt)
  # netplan where it is installed, else systemd-networkd itself, which the cloud-init of Debian 11 does not know yet.
  renderers='netplan, networkd, eni'
  can_render networkd || renderers='netplan, eni'
  ;;
*)
  # NetworkManager reads the older files of "sysconfig" too, up to the ninth Red Hat; wicked reads its own, of the same name.
  renderers=sysconfig
  if [ -e /usr/lib/systemd/system/NetworkManager.service ] && can_render network_manager; then
    renderers='network-manager, sysconfig'
  fi
  ;;
esac

# The system's own file stays as it is; this one is read after it and wins. One file of ours, so that an upgrade of the
# package never asks about a changed configuration file.
# The list of sources must stay on one line: ds-identify, which is a shell script, reads it too.
cat > /etc/cloud/cloud.cfg.d/90-gabarit.cfg <<CFG
datasource_list: [ $sources ]

users:
  - default
disable_root: true
# Keys only; the policy itself is in /etc/ssh/sshd_config.d.
ssh_pwauth: false
# Every clone gets its own host keys, of the types that every client of the last ten years knows and that are quick to make.
ssh_deletekeys: true
ssh_genkeytypes: [ ed25519, ecdsa ]

# As the image has it already, so that nothing is done; its package sources and host names stay too.
locale: ${GABARIT_LOCALE:-C.UTF-8}
manage_etc_hosts: false
preserve_hostname: false
$(if [ $family = apt ]; then printf 'apt:\n  preserve_sources_list: true'; fi)

growpart:
  mode: auto
  devices: [ / ]
  ignore_growroot_disabled: false
resize_rootfs: true

system_info:
  default_user:
    name: $user
    gecos: $user
    lock_passwd: true
    groups: [ $groups ]
    sudo: $sudo
    shell: /bin/bash
  network:
    renderers: [ $renderers ]
CFG

# Without a seed cloud-init stays off. It must: it would otherwise take the second boot, when the platform has removed
# the seed, for a new machine, and replace its host keys and its network configuration.
cat > /etc/cloud/ds-identify.cfg <<'POLICY'
policy: search,found=all,maybe=none,notfound=disabled
POLICY

# What cloud-init does even for a machine without a seed: let the root file system grow to the disk.
install -D -m 0755 "${GABARIT_FILES:?cloud-init: GABARIT_FILES is not set}/grow-root" /usr/local/lib/gabarit/grow-root
cat > /etc/systemd/system/gabarit-grow-root.service <<'UNIT'
[Unit]
Description=Grow the root file system to the disk
# cloud-init does it when it runs.
ConditionPathExists=!/run/cloud-init/enabled
ConditionVirtualization=!container
After=systemd-remount-fs.service systemd-udevd.service
RequiresMountsFor=/tmp

[Service]
Type=oneshot
ExecStart=/usr/local/lib/gabarit/grow-root

[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet enable gabarit-grow-root.service

# Debian's package starts it; by Red Hat's and openSUSE's presets that depends on how the image was made.
if [ $family != apt ]; then
  for unit in cloud-init-main cloud-init-local cloud-init-network cloud-init cloud-config cloud-final; do
    [ ! -e "/usr/lib/systemd/system/$unit.service" ] || systemctl --quiet enable "$unit.service"
  done
fi
