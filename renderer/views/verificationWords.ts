import type { Verification } from '../../lab/contract/records.ts';
import { integer, loss } from '../format.ts';

/** What a replay says, in a sentence or two. */
export function verificationWords(answer: Verification): string {
  const what = answer.whole ? 'The replay' : `A replay of the first ${integer(answer.steps)} steps`;
  if (answer.identical) return `${what} came to the same result, bit for bit.`;
  const engines =
    answer.recordedEngine === answer.replayedEngine
      ? ''
      : ` The run was made by engine ${answer.recordedEngine}, the replay by ${answer.replayedEngine}.`;
  const { firstDifference: first } = answer;
  if (!first) return `${what} came to another result, though the curves agree.${engines}`;
  const place = `${first.series.replace('.', ' ')} is ${loss(first.recorded)} in the record and ${loss(first.replayed)} in the replay`;
  return `${what} differs from step ${integer(first.step)} on: ${place}.${engines}`;
}
