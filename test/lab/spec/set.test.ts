import { describe, expect, it } from 'vitest';
import { LabError } from '../../../lab/contract/errors.ts';
import { setSpecValue } from '../../../lab/spec/set.ts';

const spec = {
  ablate: 1,
  data: { dataset: 'mnist' },
  model: {
    nodes: [
      { id: 'in', layer: 'input' },
      { id: 'dense1', layer: 'dense', props: { units: 100 } },
      { id: 'a.b', layer: 'relu' },
    ],
  },
  training: { length: { epochs: 5 }, optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9 } },
};

type Document = typeof spec & { training: Record<string, unknown>; backend?: unknown; seed?: unknown };
const set = (assignment: string): Document => setSpecValue(spec, assignment) as Document;
const refusal = (assignment: string): string => {
  try {
    set(assignment);
  } catch (error) {
    if (error instanceof LabError) return error.message;
  }
  throw new Error('nothing was refused');
};

describe('--set', () => {
  it('sets numbers, texts and JSON by path, in a copy', () => {
    const before = structuredClone(spec);
    expect(set('training.optimizer.learningRate=0.05').training.optimizer).toEqual({
      kind: 'sgd',
      learningRate: 0.05,
      momentum: 0.9,
    });
    expect(set('data.dataset=fashion-mnist').data.dataset).toBe('fashion-mnist');
    expect(set('model.batchNorm=before').model).toMatchObject({ batchNorm: 'before' });
    expect(set('seed = 7'.replace(' = ', '=')).seed).toBe(7);
    expect(set('model.dropout=null').model).toMatchObject({ dropout: null });
    expect(set('training.optimizer={"kind":"adam"}').training.optimizer).toEqual({ kind: 'adam' });
    expect(set('name=a=b')).toMatchObject({ name: 'a=b' });
    expect(spec).toEqual(before);
  });

  it('finds nodes by number and by id', () => {
    expect(set('model.nodes[1].props.units=50').model.nodes[1]).toMatchObject({ props: { units: 50 } });
    expect(set('model.nodes.dense1.props.units=50').model.nodes[1]).toMatchObject({ props: { units: 50 } });
    expect(set('model.nodes["a.b"].layer=tanh').model.nodes[2]).toMatchObject({ layer: 'tanh' });
    expect(set('model.nodes.dense1.props.weightInit={"kind":"normal","std":0.1}').model.nodes[1]).toMatchObject({
      props: { units: 100, weightInit: { kind: 'normal', std: 0.1 } },
    });
    expect(set('model.nodes.in.props.x=1').model.nodes[0]).toMatchObject({ props: { x: 1 } });
  });

  it('makes what lies on the way', () => {
    expect(set('training.earlyStopping.patience=3').training).toMatchObject({ earlyStopping: { patience: 3 } });
    expect(set('backend.threads=2')).toMatchObject({ backend: { threads: 2 } });
  });

  it('moves to another form and drops what it does not have', () => {
    expect(set('training.length.steps=500').training.length).toEqual({ steps: 500 });
    expect(set('training.optimizer.kind=adam').training.optimizer).toEqual({ kind: 'adam', learningRate: 0.1 });
    expect(set('training.optimizer=adam').training.optimizer).toEqual({ kind: 'adam', learningRate: 0.1 });
    expect(set('backend=webgpu')).toMatchObject({ backend: { kind: 'webgpu' } });
    // where a plain name may stand, it does
    expect(set('model.nodes.dense1.props.weightInit=zeros').model.nodes[1]).toMatchObject({
      props: { weightInit: 'zeros' },
    });
    expect(set('training.schedule.kind=cosine').training).toMatchObject({ schedule: { kind: 'cosine' } });
  });

  it('refuses paths that no spec has, with near names', () => {
    expect(refusal('training.optimizer.learningrate=1')).toBe(
      'training.optimizer.learningrate: training.optimizer has no field learningrate. Did you mean learningRate or learningRateDecay?',
    );
    expect(refusal('trianing.batchSize=1')).toMatch(/a spec has no field trianing\. Did you mean training\?/);
    expect(refusal('training.optimizer.beta1=0.8')).toMatch(
      /beta1 belongs to kind adam or adamax or nadam; set training\.optimizer\.kind=adam first/,
    );
    expect(refusal('model.nodes.dense2.props.units=1')).toMatch(/no node dense2\. Did you mean dense1\?/);
    expect(refusal('model.nodes[9].layer=relu')).toMatch(/has 3 entries, so there is no \[9\]/);
    expect(refusal('training.batchSize.x=1')).toMatch(/has no fields/);
    expect(refusal('seed')).toMatch(/write path=value/);
    expect(refusal('a..b=1')).toMatch(/no path/);
    expect(refusal('.a=1')).toMatch(/no path/);
    expect(refusal('model.nodes[x].layer=1')).toMatch(/no path/);
    expect(refusal('__proto__.x=1')).toMatch(/no field __proto__/);
  });

  it('never reaches into a prototype', () => {
    const changed = set('model.nodes.in.props.__proto__={"polluted":1}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(Reflect.get(changed.model.nodes[0]!, 'props') as object)).toEqual(['__proto__']);
  });
});
