/** What jobs answer in tests of the lab. */
export const activation = {
  id: 'flat',
  shape: [16],
  mean: 0.5,
  std: Number.NaN,
  min: 0,
  max: 1,
  band: [0, 0.5, 1],
  histogram: { range: [0, 1], counts: [3, 4] },
  dead: null,
  saturated: null,
  picture: { channels: 1, height: 1, width: 2, low: 0, high: 1, pixels: Uint8Array.of(0, 255) },
};

export const timing = {
  millisecondsPerStep: 2,
  steps: 9,
  stepsPerEpoch: 10,
  secondsPerEpoch: 0.02,
  secondsOfTraining: 0.1,
  imagesPerSecond: 1000,
  threads: 2,
  planBytes: 4096,
};

export const preview = { statistics: 'batch', step: 0, images: 8, nodes: [activation] };

export const lrRange = {
  points: [{ learningRate: 0.1, loss: 2.3, smoothed: 2.3 }],
  end: 'complete',
  steepest: 0.1,
  tenthOfLeast: 0.2,
  suggestion: 0.1,
  reason: 'Because.',
};

const answers: Readonly<Record<string, unknown>> = {
  preview,
  timing,
  lrRange,
  adapter: { adapter: { name: 'Some GPU', software: false } },
};

export const jobAnswer = (name: string): unknown => answers[name];
