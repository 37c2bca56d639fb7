import type { CheckedNode, Initializer } from '../../../engine/index.ts';
import { initialisation } from '../python/randomness.ts';
import { literal, text } from '../python/source.ts';
import { readSafetensors, writeSafetensors } from '../python/weights.ts';
import { startOf } from '../training.ts';
import type { TorchLayer } from './layers.ts';

export interface NamedLayer {
  readonly node: CheckedNode;
  /** Attribute of the network. */
  readonly name: string;
  readonly layer: TorchLayer;
}

type Lsuv = Extract<Initializer, { kind: 'lsuv' }>;

const lsuvOf = ({ node }: NamedLayer): Lsuv | undefined =>
  node.parameters.map(({ initializer }) => initializer).find((each): each is Lsuv => each.kind === 'lsuv');

/** Whether any layer is scaled by the first batch before it is trained. */
export const isScaled = (layers: readonly NamedLayer[]): boolean => layers.some((each) => lsuvOf(each) !== undefined);

/** `TENSORS`: every parameter and running statistic, where it lies and how it starts; with the functions that start and store them. */
export function weightsSource(layers: readonly NamedLayer[]): string {
  const used = new Set<string>();
  const rows = layers.flatMap(({ node, name, layer }) =>
    [...node.parameters, ...node.buffers].map((spec) => {
      const start = 'initializer' in spec ? startOf(spec) : (['constant', spec.initial] as const);
      used.add(start[0]);
      return `    (${text(`${node.id}.${spec.name}`)}, ${text(`${name}.${layer.tensors![spec.name]!}`)}, ${literal(start)}),`;
    }),
  );
  const scaled = isScaled(layers);
  return [
    initialisation(used),
    `
# Name in Ablate's files, place in the network, how it starts: (distribution, scale).
TENSORS = (
${rows.join('\n')}
)
`,
    readSafetensors,
    writeSafetensors,
    startSource(
      scaled,
      layers.some(({ node }) => node.buffers.some(({ dtype }) => dtype === 'i32')),
    ),
    ...(scaled ? [lsuvSource(layers)] : []),
  ]
    .map((part) => part.replace(/^\n+|\n+$/g, ''))
    .join('\n\n\n');
}

function startSource(scaled: boolean, counts: boolean): string {
  // a file may lack what the first batch is to scale, and counts, which ONNX does not have
  const without = [
    ...(scaled ? ['name in {layer[0] for layer in LSUV}'] : []),
    ...(counts ? ['name.endswith(".batchesTracked")'] : []),
  ].join(' or ');
  const drawn = without === '' ? 'stored is None' : `stored is None or (name not in stored and (${without}))`;
  return `
def tensor_at(model, place):
    for part in place.split("."):
        model = getattr(model, part)
    return model


@torch.no_grad()
def start_weights(model, path):
    """Stored weights where there is a file, else the draws of the seed.${scaled ? ' Returns the names that were drawn.' : ''}"""
    stored = read_safetensors(path) if path else None
${scaled ? '    drawn = set()\n' : ''}    for name, place, start in TENSORS:
        target = tensor_at(model, place)
        if ${drawn}:
            values = initial_tensor(tuple(target.shape), name, *start)
${scaled ? '            drawn.add(name)\n' : ''}        elif name not in stored:
            sys.exit(f"{path}: there is no tensor {name}")
        else:
            values = stored[name]
        target.copy_(torch.from_numpy(np.array(values)).reshape(target.shape))
${scaled ? '    return drawn\n' : ''}

def stored_weights(model):
${
  counts
    ? `    arrays = {}
    for name, place, _ in TENSORS:
        values = tensor_at(model, place).detach().cpu().numpy()
        arrays[name] = values.astype(np.int32).reshape(1) if values.dtype == np.int64 else values
    return arrays`
    : '    return {name: tensor_at(model, place).detach().cpu().numpy() for name, place, _ in TENSORS}'
}
`;
}

function lsuvSource(layers: readonly NamedLayer[]): string {
  const rows = layers.flatMap((each) => {
    const lsuv = lsuvOf(each);
    if (lsuv === undefined) return [];
    const { node, name } = each;
    return [`    (${text(`${node.id}.weight`)}, ${text(name)}, ${lsuv.tolerance}, ${lsuv.iterations}),`];
  });
  return `
# Weights that the first batch scales, inputs before readers: name, layer, tolerance, most iterations.
LSUV = (
${rows.join('\n')}
)


@torch.no_grad()
def scale_to_unit_variance(model, x, drawn):
    """LSUV (Mishkin and Matas 2016): weights are divided by the deviation of their layer's outputs until its variance is 1."""
    buffers = {name: each.clone() for name, each in model.named_buffers()}
    for name, place, tolerance, iterations in LSUV:
        if name not in drawn:
            continue
        layer, seen = getattr(model, place), {}
        hook = layer.register_forward_hook(lambda _layer, _inputs, output: seen.update(y=output))
        for _ in range(iterations):
            model(x)
            variance = seen["y"].double().var(unbiased=False).item()
            if abs(variance - 1) <= tolerance or not 0 < variance < math.inf:
                break
            layer.weight /= math.sqrt(variance)
        hook.remove()
    # the passes moved running statistics
    for name, each in model.named_buffers():
        each.copy_(buffers[name])
`;
}
