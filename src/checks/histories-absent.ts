import { absentCheck } from './shared/all-files.ts';

export const historiesAbsent = absentCheck(
  'histories-absent',
  'Nothing tells what was typed or opened while the image was made',
  [
    /\/\.(ba|z|a|da|fi|k)?sh_history$/,
    /\/\.(python|mysql|psql|sqlite|rediscli|node_repl|irb|php|gdb)_history$/,
    /\/\.(lesshst|viminfo|wget-hsts|histfile|selected_editor|sudo_as_admin_successful|Xauthority)$/,
    /^\/(root|home\/[^/]+)\/\.(cache|rpmdb|npm|gnupg|ansible)\/./,
    /^\/(root|home\/[^/]+)\/\.local\/(share|state)\/(nano|vim|recently-used.*)/,
    /^\/root\/(anaconda-ks|original-ks)\.cfg$/,
  ],
  'is left from somebody who worked in the image',
);
