import { absentCheck } from './shared/all-files.ts';

export const subscriptionAbsent = absentCheck(
  'subscription-absent',
  'The vendor knows no machine by this image',
  [
    /^\/etc\/pki\/(consumer|entitlement)\/./,
    /^\/var\/lib\/rhsm\/./,
    /^\/etc\/insights-client\/(machine-id|\.registered|\.unregistered)$/,
    /^\/var\/lib\/zypp\/AnonymousUniqueId$/,
    /^\/etc\/zypp\/credentials\.d\/SCCcredentials$/,
    /^\/etc\/SUSEConnect$/,
  ],
  'is the registration of one machine',
);
