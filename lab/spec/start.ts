import { z } from 'zod';

export const startSchema = z
  .strictObject({
    from: z
      .string()
      .min(1)
      .max(400)
      .nullable()
      .default(null)
      .describe(
        'Where the weights lie: run:<id>:best or :last, group:<id>:best (each seed takes the run of that seed), architecture:<name>@<version>; null: `weights` alone says it',
      ),
    weights: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'write 64 hexadecimal digits in lower case')
      .nullable()
      .default(null)
      .describe(
        'SHA-256 of the stored weights, which decides the result; null: looked up by `from` when the run is made',
      ),
    map: z
      .record(z.string().min(1).max(80), z.string().min(1).max(80))
      .default({})
      .describe(
        'Nodes that take the weights of one with another id: { here: there }; others take those of their own id',
      ),
    fresh: z
      .array(z.string().min(1).max(80))
      .max(10_000)
      .default([])
      .describe('Ids of nodes that draw new weights although the source has some'),
    carry: z
      .enum(['weights', 'everything'])
      .default('weights')
      .describe(
        "weights: parameters and running statistics, from step 0; everything: a fork, which goes on with the optimiser's state, steps, schedule and early stopping of a run's checkpoint",
      ),
  })
  .nullable()
  .default(null)
  .describe('Stored weights that the run begins with; null: those that the seed draws');

export type SpecStart = NonNullable<z.output<typeof startSchema>>;

/** Where first weights come from, in words, for differences between specs. */
export function startWords(start: SpecStart | null): string {
  if (start === null) return 'drawn weights';
  const { from, weights, carry } = start;
  const hash = weights === null || from?.startsWith('group:') === true ? '' : weights.slice(0, 8);
  const place = from === null ? `weights ${hash}` : `${from}${hash === '' ? '' : ` (${hash})`}`;
  return carry === 'everything' ? `fork of ${place}` : place;
}
