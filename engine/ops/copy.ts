import type { OpDefinition } from './definition.ts';
import { checkLists } from './update.ts';

export const copy: OpDefinition<'copy'> = {
  verify({ inputs }, check) {
    checkLists(check, 'from', inputs.from, { to: inputs.to });
  },
  inPlace: ({ inputs }) => inputs.to,
  gradient: null,
};
