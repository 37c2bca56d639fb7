import type { Spec } from '../../spec/schema.ts';
import { isInputsClass, type Needs } from '../needs.ts';
import { blanks } from '../python/augmentation.ts';
import { isScheduled } from '../python/schedule.ts';
import { evaluateEvery } from '../python/stages.ts';
import { indented, when } from '../python/source.ts';

export interface MainParts {
  readonly spec: Spec;
  readonly needs: Needs;
  /** Whether any layer is scaled by the first batch. */
  readonly scaled: boolean;
  readonly plateau: boolean;
}

export const sampleWeight = `
def sample_weight(labels):
    """Weights of the images of a batch whose mean is 1, as a weighted mean divides by their sum."""
    weight = np.array(CLASS_WEIGHT, dtype=np.float32)[labels]
    return weight / weight.mean()
`;

export const oneHot = `
def one_hot(labels):
    return np.eye(len(CLASSES), dtype=np.float32)[labels]
`;

/** `start_weights(model, path)`. */
export const startSource = (scaled: boolean): string => `
def start_weights(model, path):
    """Stored weights where there is a file, else the draws of the seed.${scaled ? ' Returns the names that were drawn.' : ''}"""
    stored = read_safetensors(path) if path else None
${scaled ? '    drawn = set()\n' : ''}    for name, layer, attribute, shape, axes, start in TENSORS:
        if stored is None${scaled ? ' or (name not in stored and layer in {each[0] for each in LSUV})' : ''}:
            values = initial_tensor(shape, name, *start)
${scaled ? '            drawn.add(layer)\n' : ''}        elif name not in stored:
            sys.exit(f"{path}: there is no tensor {name}")
        else:
            values = stored[name]
        values = np.array(values, dtype=np.float32).reshape(shape)
        getattr(model.get_layer(layer), attribute).assign(values if axes is None else values.transpose(axes))
${scaled ? '    return drawn\n' : ''}`;

export const lsuvSource = `
def scale_to_unit_variance(model, x, drawn):
    """LSUV (Mishkin and Matas 2016): weights are divided by the deviation of their layer's outputs until its variance is 1."""
    for name, tolerance, iterations in LSUV:
        if name not in drawn:
            continue
        layer = model.get_layer(name)
        upto = keras.Model(model.input, layer.output)
        before = [np.array(each) for each in model.get_weights()]
        kernel, factor = np.array(layer.kernel), 1.0
        for _ in range(iterations):
            variance = np.var(ops.convert_to_numpy(upto(x, training=True)), dtype=np.float64)
            if abs(variance - 1) <= tolerance or not 0 < variance < math.inf:
                break
            factor /= math.sqrt(variance)
            layer.kernel.assign(kernel * factor)
        # the passes moved running statistics
        model.set_weights(before)
        layer.kernel.assign(kernel * factor)
`;

export function evaluateSource(needs: Needs): string {
  return `
def evaluate(model, ${isInputsClass(needs) ? 'to_input, ' : ''}pixels, labels):
    """Mean loss and accuracy."""
    loss, correct = 0.0, 0
    for at in range(0, len(labels), 250):
        target = labels[at : at + 250]
        logits = model.predict_on_batch(to_input(pixels[at : at + 250]))
        loss += float(np.mean(ops.convert_to_numpy(plain_loss(one_hot(target), logits)))) * len(target)
        correct += int((np.argmax(logits, axis=1) == target).sum())
    return loss / len(labels), correct / len(labels)
`;
}

export function mainSource(parts: MainParts): string {
  const { spec, needs, scaled } = parts;
  const { training } = spec;
  const own = isInputsClass(needs);
  const input = own ? 'to_input, ' : '';
  const stopping = training.earlyStopping;
  const restores = stopping?.restoreBest === true;
  const total = needs.staged ? 'STAGES[-1].end' : 'TOTAL_STEPS';
  const strength = needs.strengthVaries ? ', stage.strength' : '';
  const augment = `augment(train_images[images], images, epoch${strength})`;
  return `
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="folder with the four IDX files")
    source.add_argument("--arrays", help="NPZ file with the four arrays")
    parser.add_argument("--weights", ${spec.start === null ? '' : 'required=True, '}help="safetensors file to start from")
    parser.add_argument("--save", help=".keras file for the model at the end")
    parser.add_argument("--steps", type=int, default=${total}, help="end after so many steps")
    parser.add_argument("--log", help="JSON file for the loss of every step and all evaluations")
    options = parser.parse_args()

    train_images, train_labels, test_images, test_labels = read_data(options)
${indented(
  [
    needs.validated ? 'train, validation = split(train_labels)' : 'train, _ = split(train_labels)',
    ...when(own, needs.fitted ? 'to_input = Inputs(train_images[train])' : 'to_input = Inputs()'),
    ...when(!needs.staged, 'batches = Batches(train, BATCH_SIZE)'),
    'model = build()',
    ...when(!needs.frozen, 'model.compile(optimizer=make_optimizer(), loss=loss_of)'),
    `${scaled ? 'drawn = ' : ''}start_weights(model, options.weights)`,
    ...when(stopping !== null, 'stopping = Stopping()'),
    ...when(parts.plateau, 'plateau = Plateau()'),
    ...when(needs.staged, 'stages, stage = iter(STAGES), None'),
    'losses, evaluations = [], []',
    'begin = time.time()',
    '',
    ...when(
      needs.augmented !== null,
      'def batch_input(images, epoch):',
      `    return to_input(${blanks(needs) ? '*' : ''}${augment})`,
      '',
    ),
    `for step in range(min(options.steps, ${total})):`,
    ...indented(stepLines(parts, total), 4),
    '',
    ...when(restores, 'stopping.restore(model)'),
    ...when(
      restores && needs.sizes.length > 1,
      'stage = next((each for each in STAGES if stopping.best_step and stopping.best_step <= each.end), stage)',
      'to_input.resize_to(stage.size)',
    ),
    `test = evaluate(model, ${input}test_images, test_labels)`,
    'print(f"test loss {test[0]:.4f}  accuracy {test[1]:.2%}  {time.time() - begin:.1f} s")',
    'if options.save:',
    '    model.save(options.save)',
    'if options.log:',
    '    with open(options.log, "w", encoding="utf-8") as file:',
    '        json.dump({"losses": losses, "evaluations": evaluations, "test": test}, file)',
  ],
  4,
).join('\n')}


if __name__ == "__main__":
    main()
`;
}

function stepLines(parts: MainParts, total: string): string[] {
  const { spec, needs, scaled } = parts;
  const { training } = spec;
  const { schedule, earlyStopping: stopping, loss } = training;
  const input = (images: string): string =>
    needs.augmented === null ? `to_input(train_images[${images}])` : `batch_input(${images}, epoch)`;
  const factors = [
    ...when(isScheduled(schedule), 'rate_factor(step)'),
    ...when(needs.rated, 'stage.rate'),
    ...when(parts.plateau, 'plateau.factor'),
  ];
  const mixed = needs.mixup > 0;
  const several = needs.parts > 1;
  const images = several ? 'part' : 'images';
  const weighted = loss.kind === 'crossEntropy' && loss.classWeight !== undefined;
  const share = `share = mixing_share(step${needs.strengthVaries ? `, ${needs.mixup} * stage.strength` : ''})`;
  const mix = 'x = share * x + (1 - share) * np.roll(x, -1, axis=0)';
  const take = [
    `x, target = ${input(images)}, one_hot(train_labels[${images}])`,
    ...when(mixed, mix, 'target = share * target + (1 - share) * np.roll(target, -1, axis=0)'),
    // a batch at a time: a mean over earlier ones would hide this one's loss
    'model.reset_metrics()',
  ];
  const train = `float(model.train_on_batch(x, target${weighted ? `, sample_weight=sample_weight(train_labels[${images}])` : ''}))`;
  return [
    ...when(
      needs.staged,
      'if stage is None or step == stage.end:',
      ...indented(
        [
          ...when(needs.frozen, 'before = stage'),
          'stage = next(stages)',
          'batches = Batches(train, stage.batch_size, stage.first, stage.epoch)',
          ...when(needs.sizes.length > 1, 'to_input.resize_to(stage.size)'),
          ...when(
            needs.frozen,
            'if before is None or stage.frozen != before.frozen:',
            '    for layer in model.layers:',
            '        layer.trainable = layer.name not in stage.frozen',
            '    model.compile(optimizer=make_optimizer(), loss=loss_of)',
          ),
        ],
        4,
      ),
    ),
    ...when(factors.length > 0, `model.optimizer.learning_rate = LEARNING_RATE * ${factors.join(' * ')}`),
    needs.augmented === null ? 'images, _ = batches[step]' : 'images, epoch = batches[step]',
    ...when(mixed, share),
    ...when(
      scaled,
      'if step == 0:',
      `    x = ${input(several ? 'np.split(images, ACCUMULATE)[0]' : 'images')}`,
      ...when(mixed, `    ${mix}`),
      '    scale_to_unit_variance(model, x, drawn)',
    ),
    ...(several
      ? [
          'losses.append(0.0)',
          'for part in np.split(images, ACCUMULATE):',
          ...indented([...take, `losses[-1] += ${train} / ACCUMULATE`], 4),
        ]
      : [...take, `losses.append(${train})`]),
    ...when(needs.validated, ...evaluation(parts, total)),
    ...when(
      needs.validated && stopping !== null,
      '    if stopping.exhausted:',
      '        print(f"Stopped early after step {done}.")',
      '        break',
    ),
  ];
}

function evaluation({ spec, needs, plateau }: MainParts, total: string): string[] {
  const { training } = spec;
  const { earlyStopping: stopping } = training;
  const every = !needs.staged
    ? `done % ${evaluateEvery(training, needs.spans[0]!)} == 0 or done == TOTAL_STEPS`
    : 'steps' in training.evaluateEvery
      ? `done % ${training.evaluateEvery.steps} == 0 or done == stage.end`
      : '(done - stage.first) % stage.evaluate_every == 0 or done == stage.end';
  const own = isInputsClass(needs) ? 'to_input, ' : '';
  return [
    'done = step + 1',
    `if ${every}:`,
    ...indented(
      [
        `result = evaluate(model, ${own}train_images[validation], train_labels[validation])`,
        'evaluations.append({"step": done, "loss": result[0], "accuracy": result[1]})',
        `print(f"step {done}/{${total}}  loss {losses[-1]:.4f}  validation {result[0]:.4f}  {result[1]:.2%}")`,
        ...when(
          stopping !== null,
          stopping?.restoreBest === true ? 'stopping.observe(*result, done, model)' : 'stopping.observe(*result)',
        ),
        ...when(plateau, 'plateau.observe(*result)'),
      ],
      4,
    ),
  ];
}
