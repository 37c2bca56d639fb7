import { plainOp } from './definition.ts';
import { statisticCount } from './op.ts';

/** More would be neither drawn nor stored. */
const mostBins = 1024;
const mostPercentiles = 16;

export const summarise = plainOp<'summarise'>(({ attrs, inputs, outputs }, check) => {
  const { percentiles, bins, range, inside } = attrs;
  const x = check.ranked('x', inputs.x, 'f32', outputs.inside === undefined ? 1 : 2, 4);
  check.tensor('statistics', outputs.statistics, 'f32', [statisticCount]);
  if (!Number.isInteger(bins) || bins < 1 || bins > mostBins) {
    check.fault(`bins is ${bins}; it takes a whole number from 1 to ${mostBins}`);
  }
  if (percentiles.length > mostPercentiles || percentiles.some((p) => !(p >= 0 && p <= 100))) {
    check.fault(`percentiles are ${percentiles.join(', ')}; it takes up to ${mostPercentiles} from 0 to 100`);
  }
  if (range !== null && !(range[0] < range[1] && Number.isFinite(Math.fround(range[1] - range[0])))) {
    check.fault(`range goes from ${range[0]} to ${range[1]}; it takes a lower and a higher number`);
  }
  if ((outputs.percentiles !== undefined) !== percentiles.length > 0) {
    check.fault('percentiles are asked for by the attribute and the output together');
  }
  if ((outputs.inside !== undefined) !== (inside !== null)) {
    check.fault('inside is asked for by the attribute and the output together');
  }
  check.tensor('percentiles', outputs.percentiles, 'f32', [percentiles.length]);
  check.tensor('histogram', outputs.histogram, 'i32', [bins + 2]);
  if (x !== undefined && outputs.inside !== undefined) check.tensor('inside', outputs.inside, 'i32', [x[1]!]);
});
