import { AppError } from '../../../util/errors.ts';
import type { Answers, AnswersRequest, AnsweredInstaller } from './answers.ts';
import { autoinstall } from './autoinstall.ts';
import { autoyast } from './autoyast.ts';
import { kickstart } from './kickstart.ts';
import { preseed } from './preseed.ts';
import { installerTitle, openQuestions } from './questions.ts';

const renderers: Record<AnsweredInstaller, (request: AnswersRequest) => Answers> = {
  'debian-installer': preseed,
  subiquity: autoinstall,
  anaconda: kickstart,
  autoyast: autoyast,
};

/**
 * The files that answer an installer's questions, how it finds them, and its kernel's arguments.
 * @throws AppError TEMPLATE_INVALID when it would still ask something, or its format cannot carry a value
 */
export function renderAnswers(request: AnswersRequest): Answers {
  const { template, installer } = request;
  const open = openQuestions(request);
  if (open.length > 0)
    throw new AppError('TEMPLATE_INVALID', `${installerTitle(installer)} would stop and ask while installing ${template.name}`, {
      faults: open.map(({ path, message, hint }) => ({
        message: path.length > 0 ? `${path.join('.')}: ${message}` : message,
        hint,
      })),
      hint: 'Nothing was started.',
    });
  try {
    return renderers[installer](request);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AppError(
      'TEMPLATE_INVALID',
      `${template.name} cannot be installed by ${installerTitle(installer)}: ${error.message}`,
      {
        cause: error,
        hint: 'Take line ends and other control characters out of the value.',
      },
    );
  }
}
