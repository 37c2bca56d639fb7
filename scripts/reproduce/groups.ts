/** What `npm run reproduce` trains: groups of rows, each a spec of examples/ with values set as on the terminal. */
export interface Row {
  readonly name: string;
  /** `--set` of this row, beside those of its group. */
  readonly set: readonly string[];
}

/** One value per seed of each row of a group, by the row's name. */
export type Values = (row: string) => readonly number[];
export type Metric = 'testAccuracy' | 'earlyAccuracy' | 'trainAccuracy';

/** A sentence that holds if `value` is above 0. */
export interface Claim {
  readonly text: string;
  readonly metric: Metric;
  /** What is above 0 if the claim is right: one number per seed. */
  readonly value: (of: Values) => readonly number[];
  /** What the number is, in words: "test accuracy, before - none". */
  readonly what: string;
}

export interface Group {
  readonly id: string;
  readonly title: string;
  /** What is trained, in a sentence or two. */
  readonly about: string;
  readonly spec: string;
  readonly set: readonly string[];
  readonly rows: readonly Row[];
  readonly claims: readonly Claim[];
}

const minus = (a: readonly number[], b: readonly number[]): readonly number[] => a.map((value, i) => value - b[i]!);

const metricWords: Readonly<Record<Metric, string>> = {
  testAccuracy: 'test accuracy',
  earlyAccuracy: 'validation accuracy at the first evaluation',
  trainAccuracy: 'accuracy on the last training batches',
};

/** Row `better` is above row `worse`. */
const above = (text: string, metric: Metric, better: string, worse: string): Claim => ({
  text,
  metric,
  what: `${metricWords[metric]}, ${better} - ${worse}`,
  value: (of) => minus(of(better), of(worse)),
});

/** The three hidden activations of the MLP. */
const activation = (layer: string): string[] => [1, 2, 3].map((i) => `model.nodes.sigmoid${i}.layer=${layer}`);
const weights = (init: object): string[] =>
  ['dense1', 'dense2', 'dense3', 'classes'].map((id) => `model.nodes.${id}.props.weightInit=${JSON.stringify(init)}`);
const he = { kind: 'he' };

const mlp = 'examples/mlp-sigmoid.json';
/** The first evaluation comes early, where the rows still differ in how fast they learn. */
const often = 'training.evaluateEvery={"steps":250}';
const places = ['none', 'before', 'after'] as const;

const placement: Group = {
  id: 'placement',
  title: 'BatchNorm none, before and after the activation',
  about:
    'The MLP of 3 x 100 units of Ioffe & Szegedy on 55,000 images of MNIST, normal weights of standard deviation 0.1, SGD at 0.1, batches of 60, 5 epochs.',
  spec: mlp,
  set: ['training.length.epochs=5', often],
  rows: ['sigmoid', 'tanh', 'relu'].flatMap((layer) =>
    places.map((place): Row => ({
      name: `${layer}-${place}`,
      set: [...activation(layer), `model.batchNorm=${place}`],
    })),
  ),
  claims: ['sigmoid', 'tanh', 'relu'].flatMap((layer) => [
    above(
      `With ${layer}, BatchNorm before the activation converges faster than none.`,
      'earlyAccuracy',
      `${layer}-before`,
      `${layer}-none`,
    ),
    above(
      `With ${layer}, BatchNorm after the activation beats before.`,
      'testAccuracy',
      `${layer}-after`,
      `${layer}-before`,
    ),
  ]),
};

const dropout: Group = {
  id: 'dropout',
  title: 'Dropout with and without BatchNorm, on 2,000 images',
  about: 'The same MLP with ReLU and He weights, 2,000 images of MNIST, batches of 50, SGD at 0.1, 25 epochs.',
  spec: mlp,
  set: [
    ...activation('relu'),
    ...weights(he),
    'data.trainImages=2000',
    'training.batchSize=50',
    'training.length.epochs=25',
    'training.evaluateEvery={"epochs":5}',
  ],
  rows: ['none', 'before'].flatMap((place) =>
    [0, 0.4, 0.6].map((p): Row => ({
      name: `${place === 'none' ? 'plain' : 'batchnorm'}-${p}`,
      set: [`model.batchNorm=${place}`, `model.dropout=${p}`],
    })),
  ),
  claims: [
    above('Dropout regularises: 0.4 beats none.', 'testAccuracy', 'plain-0.4', 'plain-0'),
    above('BatchNorm regularises: without dropout it beats none.', 'testAccuracy', 'batchnorm-0', 'plain-0'),
    above('With BatchNorm, dropout should fall from 0.6 to 0.4.', 'testAccuracy', 'batchnorm-0.4', 'batchnorm-0.6'),
    above(
      'BatchNorm can replace dropout: alone it beats dropout 0.4 alone.',
      'testAccuracy',
      'batchnorm-0',
      'plain-0.4',
    ),
  ],
};

const batch: Group = {
  id: 'batch',
  title: 'Batches of 8, 32 and 256',
  about:
    'The same MLP with ReLU and He weights, 20,000 images of MNIST, SGD at 0.05, 10 epochs (so larger batches make fewer steps).',
  spec: mlp,
  set: [
    ...activation('relu'),
    ...weights(he),
    'data.trainImages=20000',
    'training.optimizer.learningRate=0.05',
    'training.length.epochs=10',
    'training.evaluateEvery={"epochs":1}',
  ],
  rows: ['none', 'before'].flatMap((place) =>
    [8, 32, 256].map((size): Row => ({
      name: `${place === 'none' ? 'plain' : 'batchnorm'}-${size}`,
      set: [`model.batchNorm=${place}`, `training.batchSize=${size}`],
    })),
  ),
  claims: [
    {
      text: 'BatchNorm regularises with small batches only: its gain in test accuracy is larger at 8 than at 256.',
      metric: 'testAccuracy',
      what: 'test accuracy, gain of BatchNorm at 8 - gain at 256',
      value: (of) => minus(minus(of('batchnorm-8'), of('plain-8')), minus(of('batchnorm-256'), of('plain-256'))),
    },
    above(
      'Small batches generalise better at equal epochs (without BatchNorm).',
      'testAccuracy',
      'plain-8',
      'plain-256',
    ),
  ],
};

const initialisation: Group = {
  id: 'initialisation',
  title: 'Initial weights of standard deviation 1 and 0.001',
  about: 'The same MLP with ReLU on 55,000 images of MNIST, SGD at 0.1, batches of 60, 5 epochs.',
  spec: mlp,
  set: [...activation('relu'), 'training.length.epochs=5', often],
  rows: [1, 0.001].flatMap((std) =>
    ['none', 'before'].map((place): Row => ({
      name: `std-${std}-${place}`,
      set: [...weights({ kind: 'normal', std }), `model.batchNorm=${place}`],
    })),
  ),
  claims: [1, 0.001].map((std) =>
    above(
      `BatchNorm makes the initialisation easier: at standard deviation ${std} it beats none.`,
      'testAccuracy',
      `std-${std}-before`,
      `std-${std}-none`,
    ),
  ),
};

const inputs: Group = {
  id: 'inputs',
  title: 'Raw, scaled, standardised and whitened inputs',
  about:
    'The same MLP with ReLU and He weights, without BatchNorm, on 55,000 images of MNIST, SGD at 0.01, batches of 60, 5 epochs. Raw pixels are 0 to 255, scaled ones 0 to 1; whitened ones are uncorrelated as well (0.01 added to the eigenvalues). Rows that end in 0.1 train at that rate.',
  spec: mlp,
  set: [
    ...activation('relu'),
    ...weights(he),
    'training.optimizer.learningRate=0.01',
    'training.length.epochs=5',
    often,
  ],
  rows: [
    ...['raw', 'unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'].map((kind): Row => ({
      name: kind,
      set: [`data.preprocessing=${kind}`],
    })),
    // faint directions stay small in whitened inputs, and with them the gradients: at one rate for all they are at a disadvantage
    ...['unit', 'standardise', 'zcaWhitening'].map((kind): Row => ({
      name: `${kind}-0.1`,
      set: [`data.preprocessing=${kind}`, 'training.optimizer.learningRate=0.1'],
    })),
  ],
  claims: [
    above('Standardised inputs converge faster than inputs of 0 to 1.', 'earlyAccuracy', 'standardise', 'unit'),
    above('Standardised inputs converge faster than raw ones.', 'earlyAccuracy', 'standardise', 'raw'),
    above('Whitened inputs (ZCA) converge faster than inputs of 0 to 1.', 'earlyAccuracy', 'zcaWhitening', 'unit'),
    above(
      'Whitened inputs (PCA) converge faster than standardised ones.',
      'earlyAccuracy',
      'pcaWhitening',
      'standardise',
    ),
    above(
      'Whitened inputs (ZCA) converge faster than standardised ones.',
      'earlyAccuracy',
      'zcaWhitening',
      'standardise',
    ),
    above(
      'At a rate of 0.1 whitened inputs (ZCA) converge faster than inputs of 0 to 1.',
      'earlyAccuracy',
      'zcaWhitening-0.1',
      'unit-0.1',
    ),
    above(
      'At a rate of 0.1 whitened inputs (ZCA) reach a higher test accuracy than standardised ones.',
      'testAccuracy',
      'zcaWhitening-0.1',
      'standardise-0.1',
    ),
  ],
};

const stages = (...sizes: readonly (readonly [epochs: number, size: number])[]): string =>
  `training.stages=${JSON.stringify(sizes.map(([epochs, imageSize]) => ({ length: { epochs }, imageSize })))}`;

const progressive: Group = {
  id: 'progressive',
  title: 'Progressive resizing 14-20-28 against fixed 28',
  about:
    'A small CNN with global pooling and BatchNorm on 10,000 images of Fashion-MNIST, Adam at 0.002 with a cosine schedule, batches of 64, 6 epochs in all: the same steps and images, two thirds of which the progressive run sees as smaller pictures.',
  spec: 'examples/experiments/progressive-resizing.json',
  set: ['data.trainImages=10000'],
  rows: [
    { name: 'fixed-28', set: [stages([2, 28], [2, 28], [2, 28])] },
    { name: 'progressive', set: [stages([2, 14], [2, 20], [2, 28])] },
  ],
  claims: [
    above(
      'Progressive resizing reaches a higher test accuracy in as many epochs.',
      'testAccuracy',
      'progressive',
      'fixed-28',
    ),
  ],
};

export const groups: readonly Group[] = [placement, dropout, batch, initialisation, inputs, progressive];

/** The command that trains a row. */
export function commandOf(group: Group, row: Row, seeds: readonly number[]): string {
  const quoted = (text: string): string => (/^[\w.=-]+$/.test(text) ? text : `'${text}'`);
  const sets = [...group.set, ...row.set].map((each) => `--set ${quoted(each)}`).join(' ');
  return `npm run lab -- run ${group.spec} --seeds ${seeds.join(',')} ${sets}`;
}
