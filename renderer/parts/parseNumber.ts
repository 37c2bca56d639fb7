export interface NumberRules {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  /** Whether the limits themselves are left out. */
  readonly open?: boolean | undefined;
  readonly integer?: boolean | undefined;
  readonly optional?: boolean | undefined;
}

/** Reads what was typed into a number field. Takes 1e-3, 0.5, 1,000 and 60 000; says in a few words what is wrong. */
export function parseNumber(text: string, rules: NumberRules): { value: number | null; fault: string | null } {
  const plain = text
    .trim()
    .replace(/[\s,_\u202f]/g, '')
    .replace('−', '-');
  if (plain === '') return rules.optional ? { value: null, fault: null } : { value: null, fault: 'A number is needed' };
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return { value: null, fault: 'Not a number' };
  const value = Number(plain);
  const { min, max, open = false } = rules;
  if (!Number.isFinite(value)) return { value: null, fault: 'Too large' };
  if (rules.integer && !Number.isSafeInteger(value)) return { value: null, fault: 'A whole number is needed' };
  if (min !== undefined && (open ? value <= min : value < min)) {
    return { value: null, fault: open ? `More than ${min}` : `${min} or more` };
  }
  if (max !== undefined && (open ? value >= max : value > max)) {
    return { value: null, fault: open ? `Less than ${max}` : `${max} or less` };
  }
  return { value, fault: null };
}
