import { absentCheck } from './shared/all-files.ts';

export const dhcpLeasesAbsent = absentCheck(
  'dhcp-leases-absent',
  'No address of another network is remembered',
  [/^\/var\/lib\/(dhcp|dhcpcd|dhclient|NetworkManager|wicked|systemd\/network|connman)\/./, /^\/run\/systemd\/netif\/leases\/./],
  'is left from a network',
);
