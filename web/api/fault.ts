import type { AnswerOf } from '../../src/model/api/contract.ts';

/** One thing that is wrong with a definition, with its place. */
export type Fault = AnswerOf<'POST /templates/:template/check'>['faults'][number];
