import type { Spec } from '../../spec/schema.ts';
import { isInputsClass, type Needs } from '../needs.ts';
import { blanks } from '../python/augmentation.ts';
import { isScheduled } from '../python/schedule.ts';
import { evaluateEvery } from '../python/stages.ts';
import { indented, when } from '../python/source.ts';

/** What the main part of a program depends on, beside the needs of its spec. */
export interface MainParts {
  readonly spec: Spec;
  readonly needs: Needs;
  /** Whether layers draw at random in training. */
  readonly random: boolean;
  /** Whether any layer is scaled by the first batch. */
  readonly scaled: boolean;
  /** Whether batch norms of frozen layers keep their running statistics in a stage. */
  readonly still: boolean;
  readonly plateau: boolean;
}

/** `evaluate`, which leaves the model in evaluation mode. */
export function evaluateSource({ needs }: Pick<MainParts, 'needs'>): string {
  const own = isInputsClass(needs) ? 'to_input, ' : '';
  return `
@torch.no_grad()
def evaluate(model, ${own}pixels, labels, device):
    """Mean loss and accuracy."""
    model.eval()
    loss, correct = 0.0, 0
    for at in range(0, len(labels), 250):
        target = torch.from_numpy(labels[at : at + 250].astype(np.int64)).to(device)
        logits = model(to_input(pixels[at : at + 250]).to(device))
        loss += plain_loss(logits, target).sum().item()
        correct += (logits.argmax(dim=1) == target).sum().item()
    return loss / len(labels), correct / len(labels)
`;
}

/** `train_mode(model, stage)` where stages freeze layers, and `freeze(model, stage)`. */
export function freezeSource({ needs, still }: Pick<MainParts, 'needs' | 'still'>): string {
  if (!needs.frozen) return '';
  const mode = `


def train_mode(model, stage):
    model.train()
    for name in stage.still:
        getattr(model, name).eval()
`;
  return `
def freeze(model, stage):
    for name, module in model.named_children():
        module.requires_grad_(name not in stage.frozen)
${still ? mode : ''}`;
}

/** `recalibrate(model, batches)`. */
export function recalibrateSource({ spec }: Pick<MainParts, 'spec'>, norms: boolean): string {
  if (spec.training.recalibrateBatchNorm === 0 || !norms) return '';
  return `
@torch.no_grad()
def recalibrate(model, batches):
    """Running statistics of the batch norms in training mode anew, over all images of these batches together (Wu and Johnson 2021)."""
    norms = [each for each in model.modules() if isinstance(each, (nn.BatchNorm1d, nn.BatchNorm2d)) and each.training]
    model.eval()
    moments = {norm: [] for norm in norms}

    def note(norm, inputs):
        x = inputs[0].transpose(0, 1).flatten(1).double()
        moments[norm].append(torch.stack([x.mean(dim=1), x.square().mean(dim=1), torch.full_like(x[:, 0], x.shape[1])]))

    hooks = [norm.train().register_forward_pre_hook(note) for norm in norms]
    for x in batches:
        model(x)
    for norm, hook in zip(norms, hooks):
        hook.remove()
        mean, square, _ = torch.stack(moments[norm]).mean(dim=0)
        count = sum(each[2, 0].item() for each in moments[norm])
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((square - mean**2).clamp(min=0) * count / (count - 1))
`;
}

/** Reading what the command says, training, evaluation: `main`. */
export function mainSource(parts: MainParts, norms: boolean): string {
  const { spec, needs, scaled } = parts;
  const { training } = spec;
  const own = isInputsClass(needs);
  const input = own ? 'to_input, ' : '';
  const stopping = training.earlyStopping;
  const restores = stopping?.restoreBest === true;
  const varies = needs.sizes.length > 1;
  const recalibrates = training.recalibrateBatchNorm > 0 && norms;
  const total = needs.staged ? 'STAGES[-1].end' : 'TOTAL_STEPS';
  const watched = needs.validated;
  return `
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help="folder with the four IDX files")
    source.add_argument("--arrays", help="NPZ file with the four arrays")
    parser.add_argument("--weights", ${spec.start === null ? '' : 'required=True, '}help="safetensors file to start from")
    parser.add_argument("--save", help="safetensors file for the weights at the end")
    parser.add_argument("--steps", type=int, default=${total}, help="end after so many steps")
    parser.add_argument("--log", help="JSON file for the loss of every step and all evaluations")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    device = torch.device(options.device)

    train_images, train_labels, test_images, test_labels = read_data(options)
${indented(
  [
    watched ? 'train, validation = split(train_labels)' : 'train, _ = split(train_labels)',
    ...when(own, needs.fitted ? 'to_input = Inputs(train_images[train])' : 'to_input = Inputs()'),
    ...when(!needs.staged, 'batches = Batches(train, BATCH_SIZE)'),
    'model = Network()',
    `${scaled ? 'drawn = ' : ''}start_weights(model, options.weights)`,
    'model.to(device)',
    'optimizer = make_optimizer(model)',
    ...when(stopping !== null, 'stopping = Stopping()'),
    ...when(parts.plateau, 'plateau = Plateau()'),
    ...when(needs.staged, 'stages, stage = iter(STAGES), None'),
    'losses, evaluations = [], []',
    'begin = time.time()',
    '',
    ...inputsOfBatch(parts),
    `for step in range(min(options.steps, ${total})):`,
  ],
  4,
).join('\n')}
${indented(stepLines(parts), 8).join('\n')}

${indented(
  [
    ...when(
      restores,
      'stopping.restore(model)',
      ...when(
        needs.staged && (varies || recalibrates),
        'stage = next((each for each in STAGES if stopping.best_step and stopping.best_step <= each.end), stage)',
        ...when(varies, 'to_input.resize_to(stage.size)'),
      ),
    ),
    ...when(recalibrates, ...recalibration(parts)),
    `test = evaluate(model, ${input}test_images, test_labels, device)`,
    'print(f"test loss {test[0]:.4f}  accuracy {test[1]:.2%}  {time.time() - begin:.1f} s")',
    'if options.save:',
    '    write_safetensors(options.save, stored_weights(model))',
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

/** `batch_input(images, epoch)`: augmented and prepared images of a batch; where it takes no more than `to_input`, nothing. */
function inputsOfBatch({ needs }: MainParts): string[] {
  if (needs.augmented === null) return [];
  const strength = needs.strengthVaries ? ', stage.strength' : '';
  const call = `augment(train_images[images], images, epoch${strength})`;
  return ['def batch_input(images, epoch):', `    return to_input(${blanks(needs) ? '*' : ''}${call}).to(device)`, ''];
}

const inputOf = ({ needs }: MainParts, images: string, epoch: string): string =>
  needs.augmented === null ? `to_input(train_images[${images}]).to(device)` : `batch_input(${images}, ${epoch})`;

function stepLines(parts: MainParts): string[] {
  const { spec, needs, scaled, still } = parts;
  const { training } = spec;
  const { clip, l1, schedule, earlyStopping: stopping } = training;
  const factors = [
    ...when(isScheduled(schedule), 'rate_factor(step)'),
    ...when(needs.rated, 'stage.rate'),
    ...when(parts.plateau, 'plateau.factor'),
  ];
  const mode = still ? 'train_mode(model, stage)' : 'model.train()';
  const total = needs.staged ? 'STAGES[-1].end' : 'TOTAL_STEPS';
  const usesEpoch = needs.augmented !== null;
  const begin = needs.staged
    ? [
        'if stage is None or step == stage.end:',
        ...indented(
          [
            'stage = next(stages)',
            'batches = Batches(train, stage.batch_size, stage.first, stage.epoch)',
            ...when(needs.sizes.length > 1, 'to_input.resize_to(stage.size)'),
            ...when(needs.frozen, 'freeze(model, stage)'),
          ],
          4,
        ),
      ]
    : [];
  return [
    ...begin,
    mode,
    ...when(
      factors.length > 0,
      'for group in optimizer.param_groups:',
      `    group["lr"] = LEARNING_RATE * ${factors.join(' * ')}`,
    ),
    usesEpoch ? 'images, epoch = batches[step]' : 'images, _ = batches[step]',
    ...when(scaled, ...scaling(parts)),
    ...when(
      needs.mixup > 0,
      `share = mixing_share(step${needs.strengthVaries ? `, ${needs.mixup} * stage.strength` : ''})`,
    ),
    ...batchLines(parts),
    ...(clip === null
      ? []
      : [
          'norm' in clip
            ? `nn.utils.clip_grad_norm_(model.parameters(), ${clip.norm})`
            : `nn.utils.clip_grad_value_(model.parameters(), ${clip.value})`,
        ]),
    ...when(
      l1 > 0,
      'for p in model.parameters():',
      ...(needs.frozen
        ? ['    if p.grad is not None:', `        p.grad.add_(p.detach().sign(), alpha=${l1})`]
        : [`    p.grad.add_(p.detach().sign(), alpha=${l1})`]),
    ),
    'optimizer.step()',
    'if not math.isfinite(losses[-1]):',
    '    sys.exit(f"The loss of step {step + 1} is {losses[-1]}.")',
    ...when(needs.validated, ...evaluation(parts, total)),
    ...when(
      needs.validated && stopping !== null,
      '    if stopping.exhausted:',
      '        print(f"Stopped early after step {done}.")',
      '        break',
    ),
  ];
}

/** Loss and gradients of a step, in one part or several. */
function batchLines(parts: MainParts): string[] {
  const { needs, random } = parts;
  const mixed = needs.mixup > 0;
  const several = needs.parts > 1;
  const loss = (logits: string): string =>
    mixed
      ? `loss = share * loss_of(${logits}, labels) + (1 - share) * loss_of(${logits}, labels.roll(-1))`
      : `loss = loss_of(${logits}, labels)`;
  const images = several ? 'part' : 'images';
  const pass = [
    `labels = torch.from_numpy(train_labels[${images}].astype(np.int64)).to(device)`,
    ...(mixed
      ? [
          `x = ${inputOf(parts, images, 'epoch')}`,
          'logits = model(share * x + (1 - share) * x.roll(-1, dims=0))',
          loss('logits'),
        ]
      : [loss(`model(${inputOf(parts, images, 'epoch')})`)]),
  ];
  const draw = (step: string): string[] => when(random, `STEP[0] = ${step}`);
  if (!several) {
    return [
      'optimizer.zero_grad(set_to_none=True)',
      ...draw('step'),
      ...pass,
      'loss.backward()',
      'losses.append(loss.item())',
    ];
  }
  return [
    'optimizer.zero_grad(set_to_none=True)',
    'losses.append(0.0)',
    random
      ? 'for number, part in enumerate(np.split(images, ACCUMULATE)):'
      : 'for part in np.split(images, ACCUMULATE):',
    ...indented(
      [
        ...draw('step * ACCUMULATE + number'),
        ...pass,
        '(loss / ACCUMULATE).backward()',
        'losses[-1] += loss.item() / ACCUMULATE',
      ],
      4,
    ),
  ];
}

function scaling(parts: MainParts): string[] {
  const { needs, random } = parts;
  const part = needs.parts > 1 ? 'np.split(images, ACCUMULATE)[0]' : 'images';
  const mixed = needs.mixup > 0;
  return [
    'if step == 0:',
    ...indented(
      [
        ...when(random, 'STEP[0] = 0'),
        `x = ${inputOf(parts, part, 'epoch')}`,
        ...when(
          mixed,
          `share = mixing_share(0${needs.strengthVaries ? `, ${needs.mixup} * stage.strength` : ''})`,
          'x = share * x + (1 - share) * x.roll(-1, dims=0)',
        ),
        'scale_to_unit_variance(model, x, drawn)',
      ],
      4,
    ),
  ];
}

function evaluation({ spec, needs, plateau }: MainParts, total: string): string[] {
  const { training } = spec;
  const { earlyStopping: stopping } = training;
  const own = isInputsClass(needs) ? 'to_input, ' : '';
  const every = !needs.staged
    ? `done % ${evaluateEvery(training, needs.spans[0]!)} == 0 or done == TOTAL_STEPS`
    : 'steps' in training.evaluateEvery
      ? `done % ${training.evaluateEvery.steps} == 0 or done == stage.end`
      : '(done - stage.first) % stage.evaluate_every == 0 or done == stage.end';
  return [
    'done = step + 1',
    `if ${every}:`,
    ...indented(
      [
        `result = evaluate(model, ${own}train_images[validation], train_labels[validation], device)`,
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

/** Behind the last step: over the first batches of the stage that the model is of. */
function recalibration(parts: MainParts): string[] {
  const { spec, needs, still } = parts;
  const batches = spec.training.recalibrateBatchNorm;
  const several = needs.parts > 1;
  const usesEpoch = needs.augmented !== null;
  const first = needs.staged ? 'stage.first' : '0';
  return [
    '',
    'def first_batches():',
    ...indented(
      [
        ...when(needs.staged, 'batches = Batches(train, stage.batch_size, stage.first, stage.epoch)'),
        `for step in range(${first === '0' ? batches : `${first}, ${first} + ${batches}`}):`,
        `    ${usesEpoch ? 'images, epoch' : 'images, _'} = batches[step]`,
        ...(several
          ? ['    for part in np.split(images, ACCUMULATE):', `        yield ${inputOf(parts, 'part', 'epoch')}`]
          : [`    yield ${inputOf(parts, 'images', 'epoch')}`]),
      ],
      4,
    ),
    '',
    still ? 'train_mode(model, stage)' : 'model.train()',
    'recalibrate(model, first_batches())',
  ];
}
