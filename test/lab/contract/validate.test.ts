import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type z } from 'zod';
import { editDistance, nearNames, suggestion } from '../../../lab/contract/near.ts';
import { errorCatalogue, exitCodeOf, fromErrorRecord, LabError, toErrorRecord } from '../../../lab/contract/errors.ts';
import { methods } from '../../../lab/contract/methods.ts';
import { faultsOf, parseInput } from '../../../lab/contract/validate.ts';
import { specSchema } from '../../../lab/spec/schema.ts';

function messages(schema: z.ZodType, value: unknown): string[] {
  const parsed = schema.safeParse(value);
  return parsed.success ? [] : faultsOf(parsed.error, value, schema).map(({ message }) => message);
}

function refusal(input: unknown): LabError {
  try {
    parseInput('runs.create', methods['runs.create'].input, input);
  } catch (error) {
    if (error instanceof LabError) return error;
  }
  throw new Error('nothing was refused');
}

describe('the input of a call', () => {
  it('is refused with the call and the path in front', () => {
    const error = refusal({ spec: {}, seeds: [1, 'two'], tag: [] });
    expect(error.code).toBe('invalid');
    expect(error.faults.map(({ message }) => message)).toEqual([
      'runs.create: seeds[1]: expected a number, found "two"',
      'runs.create: tag: unknown name. Did you mean tags?',
    ]);
    expect(refusal('text').message).toBe('runs.create: Expected an object { ... }, found "text"');
    expect(refusal(null).message).toMatch(/^runs\.create: Expected an object/);
  });

  it('is answered with defaults filled in', () => {
    expect(parseInput('compare.get', methods['compare.get'].input, { arms: ['a'] }).maxPoints).toBe(400);
  });
});

describe('faults of a document', () => {
  const spec = {
    ablate: 1,
    data: { dataset: 'mnist' },
    model: { nodes: [{ id: 'a', layer: 'input' }] },
    training: { optimizer: { kind: 'sgd' } },
  };

  it('come all at once, in words', () => {
    expect(
      messages(specSchema, {
        ablate: '1',
        data: { dataset: 3, validatoin: 4, preprocessing: 'x' },
        model: { nodes: [{ id: 'a' }, { id: '', layer: 'x', inputs: [1] }], dropout: 2 },
        training: {
          batchSize: 1.5,
          length: { epochs: -1 },
          optimizer: { kind: 'sdg' },
          schedule: { kind: 'step', gamma: 2 },
          evaluateEvery: { epoch: 1 },
          earlyStopping: 5,
        },
        seed: -1,
      }),
    ).toEqual([
      'ablate: expected 1, found "1"',
      'data.dataset: expected text, found 3',
      'data.preprocessing: expected one of "raw", "unit", "standardise", "standardiseFeatures", "pcaWhitening", "zcaWhitening", found "x"',
      'data.validatoin: unknown name. Did you mean validation?',
      'model.nodes[0].layer: is missing; expected text',
      'model.nodes[1].id: expected at least 1 character',
      'model.nodes[1].inputs[0]: expected text, found 1',
      'model.dropout: expected at most 1, found 2',
      'training.batchSize: expected a whole number, found 1.5',
      'training.length.epochs: expected more than 0, found -1',
      'training.optimizer.kind: expected one of "sgd", "adam", "rmsprop", "adagrad", "adamax", "nadam", found "sdg"',
      'training.schedule.stepSize: is missing; expected a number',
      'training.schedule.gamma: expected at most 1, found 2',
      'training.earlyStopping: expected an object { ... }, found 5',
      'training.evaluateEvery: fits none of the forms: { epochs } or { steps }; found { epoch }',
      'seed: expected at least 0, found -1',
    ]);
  });

  it('name near names for the form that is meant', () => {
    const wrong = { ...spec, training: { optimizer: { kind: 'sgd', momentun: 0.9, beta1: 3 } } };
    expect(messages(specSchema, wrong)).toEqual([
      'training.optimizer.momentun: unknown name. Did you mean momentum?',
      'training.optimizer.beta1: unknown name. Known: kind, learningRate, weightDecay, momentum, dampening, nesterov.',
    ]);
  });

  it('are bounded, and never an exception, for any JSON', () => {
    const many = { ...spec, model: { nodes: Array.from({ length: 5000 }, () => ({})) } };
    expect(messages(specSchema, many).length).toBeLessThanOrEqual(102);
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('data', 'model', 'training', 'seed', 'backend'), (value, key) => {
        for (const text of messages(specSchema, { ...spec, [key]: value })) expect(text).toMatch(new RegExp(`^${key}`));
        messages(specSchema, value);
      }),
      { numRuns: 500 },
    );
  });
});

describe('near names', () => {
  it('find what was meant', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(nearNames('learningrate', ['learningRate', 'momentum'])).toEqual(['learningRate']);
    expect(nearNames('lr', ['learningRate', 'momentum'])).toEqual([]);
    expect(suggestion('zzz', ['ab', 'cd'])).toBe(' Known: ab, cd.');
    expect(suggestion('zzz', [])).toBe('');
  });

  it('keep the laws of a distance', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('errors', () => {
  it('cross as plain data and have an exit code', () => {
    for (const code of Object.keys(errorCatalogue) as (keyof typeof errorCatalogue)[]) {
      const error = new LabError(code, 'm', [{ node: 'a', message: 'f' }]);
      const back = fromErrorRecord(
        JSON.parse(JSON.stringify(toErrorRecord(error))) as ReturnType<typeof toErrorRecord>,
      );
      expect(back).toMatchObject({ code, message: 'm', faults: [{ node: 'a', message: 'f' }] });
      expect(exitCodeOf(code)).toBeGreaterThan(0);
    }
    expect(exitCodeOf('nonsense')).toBe(1);
    expect(toErrorRecord(new TypeError('x is not a function'))).toMatchObject({
      code: 'unexpected',
      message: 'x is not a function',
    });
  });
});
