import type { ReactElement } from 'react';
import classes from './shell.module.css';

/** The name of the product is the same in all languages. */
export function Brand(): ReactElement {
  const name = 'Gabarit';
  return (
    <span className={classes['brand']}>
      <img src="/favicon.svg" alt="" width={24} height={24} />
      {name}
    </span>
  );
}
