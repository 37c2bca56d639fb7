import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { templates } from '../../lab/architectures/index.ts';
import { templateSchema } from '../../lab/contract/records.ts';
import { checkSpec } from '../../lab/spec/check.ts';
import { specSchema } from '../../lab/spec/schema.ts';
import { dataset } from './fakes.ts';

const real = {
  imageShape: [1, 28, 28] as [number, number, number],
  classes: Array.from({ length: 10 }, String),
  trainImages: 60000,
  testImages: 10000,
};
const datasets = [dataset('mnist', real), dataset('fashion-mnist', real)];
const examples = new URL('../../examples/', import.meta.url);

describe('templates', () => {
  it.each(templates.map((each) => [each.id, each] as const))(
    '%s can be trained, with and without batch norm and dropout',
    (_id, template) => {
      expect(templateSchema.parse(template)).toEqual(template);
      for (const batchNorm of ['asDrawn', 'none', 'before', 'after'] as const) {
        for (const dropout of [null, 0, 0.5]) {
          const check = checkSpec(
            { ...template.spec, model: { ...template.spec.model, batchNorm, dropout } },
            datasets,
          );
          expect(check.faults).toEqual([]);
        }
      }
    },
  );

  it('lie in examples/ as files, one each, with the same content', () => {
    const files = readdirSync(examples).filter((name) => name.endsWith('.json'));
    expect(files.sort()).toEqual(templates.map(({ id }) => `${id}.json`).sort());
    for (const { id, spec } of templates) {
      expect(specSchema.parse(JSON.parse(readFileSync(new URL(`${id}.json`, examples), 'utf8')))).toEqual(spec);
    }
  });

  it('hold what their descriptions promise', () => {
    const check = (id: string): ReturnType<typeof checkSpec> =>
      checkSpec(templates.find((each) => each.id === id)!.spec, datasets);
    const mlp = check('mlp-sigmoid');
    expect(mlp.checked!.nodes.filter(({ layer }) => layer === 'dense').map(({ outputShape }) => outputShape)).toEqual([
      [100],
      [100],
      [100],
      [10],
    ]);
    expect(mlp.spec!.training).toMatchObject({
      batchSize: 60,
      optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 },
    });
    for (const node of mlp.spec!.model.nodes.filter(({ layer }) => layer === 'dense')) {
      expect(node.props).toMatchObject({ weightInit: { kind: 'normal', std: 0.1 } });
    }
    const macs = check('cnn-fashion').checked!.nodes.reduce((sum, node) => sum + node.macs, 0);
    expect(macs).toBeGreaterThan(2e6);
    expect(macs).toBeLessThan(6e6);
  });
});
