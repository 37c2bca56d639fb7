import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backward, diff, forward, isSame } from '../../renderer/state/patch.ts';
import { History } from '../../renderer/state/history.ts';

/** Documents as they come from JSON: no undefined, no NaN, plain prototypes. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, 1, 'a', 'b'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom('id', 'x', 'props', 'nodes'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

describe('differences', () => {
  it('lead from one document to the other and back, and leave both as they are', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const [a, b] = [JSON.stringify(before), JSON.stringify(after)];
        const changes = diff(before, after);
        expect(forward(before, changes)).toEqual(after);
        expect(backward(after, changes)).toEqual(before);
        expect(forward(before, JSON.parse(JSON.stringify(changes)) as typeof changes)).toEqual(after);
        expect([JSON.stringify(before), JSON.stringify(after)]).toEqual([a, b]);
        expect(changes.length === 0).toBe(isSame(before, after));
      }),
    );
  });

  it('share what did not change', () => {
    const before = { nodes: [{ id: 'a' }, { id: 'b', props: { units: 1 } }], name: 'x' };
    const after = structuredClone(before);
    after.nodes[1]!.props!.units = 2;
    const shared = forward(before, diff(before, after)) as typeof before;
    expect(shared.nodes[0]).toBe(before.nodes[0]);
    expect(shared).toEqual(after);
  });
});

describe('history', () => {
  const none: readonly string[] = [];
  it('goes all the way back and forth through any edits', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(json, fc.constantFrom('', 'a', 'b'))), (edits) => {
        const history = new History<unknown>();
        const start: unknown = { start: true };
        let value = start;
        edits.forEach(([next, key], i) => {
          const noted = history.note(
            { value, selection: none },
            { value: next, selection: none },
            { key, label: String(i), now: i * 700 },
          );
          if (noted !== null) value = noted;
          // null stands for "nothing changed", also where the document itself is null
          else value = next;
        });
        const end = value;
        for (let moment = history.undo(value); moment !== null; moment = history.undo(value)) value = moment.value;
        expect(value).toEqual(start);
        for (let moment = history.redo(value); moment !== null; moment = history.redo(value)) value = moment.value;
        expect(value).toEqual(end);
      }),
    );
  });
});
