import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../components/format.ts';
import classes from './step-times.module.css';

/** How long each step of the build took, as bars on one scale; the figures stand beside them. */
export function StepTimes({ seconds }: { seconds: Record<string, number> }): ReactElement {
  const { t } = useTranslation();
  const format = useFormat();
  const steps = Object.entries(seconds);
  const longest = Math.max(0.001, ...steps.map(([, time]) => time));
  if (steps.length === 0) return <span>{t('image.noTimes')}</span>;
  return (
    <table className={classes['times']}>
      <tbody>
        {steps.map(([step, time]) => (
          <tr key={step}>
            <th scope="row">{step}</th>
            <td className={classes['track']}>
              <span className={classes['bar']} style={{ width: `${Math.max(1, (time / longest) * 100)}%` }} />
            </td>
            <td className="number">{format.duration(time * 1000)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
