import type { GuestCheck } from '../model/check.ts';
import { unitFindings } from './shared/unit-state.ts';

export const guestUnits: GuestCheck = {
  id: 'guest-units',
  title: 'All units run, none has failed',
  on: 'guest',
  run: unitFindings,
};
