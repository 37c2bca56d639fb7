import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { templates } from '../../../lab/architectures/index.ts';
import { LabError } from '../../../lab/contract/errors.ts';
import { importModel } from '../../../lab/imports/index.ts';
import { leastTime, slowness } from '../../processorTime.ts';

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

function refusalOf(value: unknown, file = 'model.json'): string {
  try {
    importModel(bytes(value), file);
  } catch (error) {
    expect((error as LabError).code).toBe('invalid');
    expect((error as LabError).message).toContain(file);
    return (error as LabError).message;
  }
  throw new Error('it was imported');
}

const node = (i: number, inputs?: string[]): object => ({ id: `n${i}`, layer: 'relu', ...(inputs && { inputs }) });

describe('a JSON file', () => {
  it('of a bare model gets its name from the file', () => {
    const imported = importModel(bytes({ nodes: [{ id: 'in', layer: 'input' }] }), 'some/where/My net.json');
    expect(imported.name).toBe('My net');
    expect(imported.model.nodes).toEqual([{ id: 'in', layer: 'input' }]);
  });

  it('is told where it breaks, by line and column', () => {
    expect(refusalOf('{\n  "nodes": [,]\n}')).toMatch(/model\.json:2:13: line 2, column 13/);
    expect(refusalOf('{"nodes": "many"}')).toContain('nodes');
    expect(refusalOf('[1, 2]')).toContain('neither');
    expect(refusalOf('{"ablate": 99}')).toContain('format 99');
    expect(refusalOf('{"ablateArchitecture": 1, "model": {"nodes": [{"id": 3}]}, "extra": 1}')).toMatch(
      /extra|nodes\[0\]/,
    );
    expect(() => importModel(Uint8Array.of(0x7b, 0xff, 0xfe), 'latin.json')).toThrow(/latin\.json is no UTF-8/);
  });

  it('of 10,000 nodes or a nesting of thousands is refused at once', () => {
    const time = leastTime(() => {
      const many = Array.from({ length: 10_000 }, (_, i) => node(i));
      expect(refusalOf({ nodes: many })).toContain('10000 nodes; models of up to 5000');
      expect(refusalOf(`{"nodes": ${'['.repeat(100_000)}`)).toContain('model.json');
    }, 2);
    expect(time).toBeLessThan(2000 * slowness());
  });

  it('with a cycle is taken and told: it can be put right on the canvas', () => {
    const { notes, model } = importModel(bytes({ nodes: [node(1, ['n2']), node(2, ['n1'])] }), 'round.json');
    expect(model.nodes).toHaveLength(2);
    expect(notes[0]).toContain('in a circle at n1');
  });

  it('mutated anywhere is read or refused, never more', () => {
    const whole = JSON.stringify({ ablateArchitecture: 1, name: 'x', model: templates[4]!.spec.model }, null, 1);
    const edit = fc.record({ at: fc.nat(whole.length), cut: fc.nat(30), put: fc.string({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce((each, { at, cut, put }) => each.slice(0, at) + put + each.slice(at + cut), whole);
        try {
          expect(importModel(bytes(text), 'bent.json').model.nodes.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof LabError)) throw error;
          expect(error.message).toContain('bent.json');
        }
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
