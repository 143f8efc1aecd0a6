#!/bin/sh
# Guest tools: the agent of each platform, started only on that platform.
#
# Parameters (with: in the definition):
#   agents  the platforms whose agents run: "kvm xen vmware", or "none"; by default those of the template
set -eu
umask 022

die() { echo "guest-tools: $*" >&2; exit 1; }
# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac

agents=" $(printf '%s' "${GABARIT_WITH_AGENTS:-${GABARIT_PLATFORMS:-}}" | tr -s ', ' '  ') "
[ "$agents" != " none " ] || agents=" "
for agent in $agents; do
  case $agent in
  kvm | xen | vmware) ;;
  *) die "parameter agents names \"$agent\"; known are kvm, xen, vmware and none" ;;
  esac
done
wanted() { case $agents in *" $1 "*) true ;; *) false ;; esac }
shipped() { [ -e "/usr/lib/systemd/system/$1" ] || [ -e "/lib/systemd/system/$1" ]; }
installed() { shipped "$1" || [ -e "/etc/systemd/system/$1" ]; }

on='' off=''
# Sorts the units of one platform into those to have and those to switch off for good. Masking, unlike disabling, also
# keeps udev and other units from starting them.
platform() {
  name=$1
  shift
  for unit; do
    if wanted "$name"; then
      installed "$unit" || die "the agent for $name is wanted, but $unit is not in the image"
      on="$on $unit"
    elif shipped "$unit"; then
      off="$off $unit"
    fi
  done
}

# KVM: udev starts qemu-guest-agent when, and only when, the machine has its port. There is nothing to enable.
platform kvm qemu-guest-agent.service
# VMware: both units are conditioned on VMware by their package.
case $family in
apt) platform vmware open-vm-tools.service vgauth.service ;;
*)
  platform vmware vmtoolsd.service vgauthd.service
  ! wanted vmware || systemctl --quiet enable vmtoolsd.service
  ;;
esac

# Xen: Debian has no package of an agent; this small one needs only the tools of the Xen store. For Red Hat's family, which has
# not even those, EPEL has XenServer's own agent, which is not enabled by its package.
if wanted xen && shipped xe-linux-distribution.service && [ ! -x /usr/bin/xenstore-write ]; then
  on="$on xe-linux-distribution.service"
  systemctl --quiet enable xe-linux-distribution.service
elif wanted xen; then
  case $family in
  apt) package=xenstore-utils ;;
  dnf) package='xe-guest-utilities-latest (of EPEL)' ;;
  zypper) package=xen-tools-domU ;;
  esac
  [ -x /usr/bin/xenstore-write ] || die "the agent for xen is wanted, but the package $package is not in the image"
  install -D -m 0755 "${GABARIT_FILES:?guest-tools: GABARIT_FILES is not set}/xen-agent" /usr/local/lib/gabarit/xen-agent
  cat > /etc/systemd/system/gabarit-xen-agent.service <<'UNIT'
[Unit]
Description=Tell the Xen host about this machine
Documentation=file:///usr/local/lib/gabarit/xen-agent
ConditionVirtualization=xen
ConditionPathExists=/dev/xen/xenbus

[Service]
ExecStart=/usr/local/lib/gabarit/xen-agent
Restart=on-failure
RestartSec=30
# It reads public facts and writes to the store; nothing else.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK
MemoryDenyWriteExecute=yes

[Install]
WantedBy=multi-user.target
UNIT
  systemctl --quiet enable gabarit-xen-agent.service
else
  if [ -e /etc/systemd/system/gabarit-xen-agent.service ]; then
    systemctl --quiet disable gabarit-xen-agent.service
    rm -f /etc/systemd/system/gabarit-xen-agent.service /usr/local/lib/gabarit/xen-agent
  fi
  ! shipped xe-linux-distribution.service || off="$off xe-linux-distribution.service"
fi

# shellcheck disable=SC2086 # lists of unit names, meant to be split
[ -z "$on" ] || systemctl --quiet unmask $on
# shellcheck disable=SC2086
[ -z "$off" ] || systemctl --quiet mask $off
