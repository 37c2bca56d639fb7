import type { OpBody } from '../ops/definition.ts';
import type { TensorId } from '../ops/op.ts';
import type { DType, Shape } from '../tensor.ts';
import type { Initializer } from './initializer.ts';
import type { LayerName } from './layerName.ts';
import type { Pads, Pair, PropSchemas, PropValues } from './props.ts';

export type LayerCategory =
  'input' | 'linear' | 'pooling' | 'shape' | 'normalisation' | 'regularisation' | 'activation' | 'merge';

/** A tensor that is trained. Its name in a plan is "<node>.<name>". */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initializer: Initializer;
  /** Inputs that one output sums over, and outputs that one input takes part in (as PyTorch counts them: groups ignored). */
  readonly fanIn: number;
  readonly fanOut: number;
}

/** State that is kept but not trained, such as running statistics. */
export interface BufferSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Its value before training. */
  readonly initial: number;
}

/** What a layer reads: the shape of one image's values ([C, H, W] or [F]) and the node that gives them. */
export interface LayerInput {
  readonly id: string;
  readonly shape: Shape;
}

/** Why shapes do not fit, in one sentence that names the nodes and both shapes and says what to do. */
export interface ShapeFault {
  readonly fault: string;
  readonly prop?: string;
}

/** A window over the image axes, for the receptive field. */
export interface LayerWindow {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pads: Pads;
  readonly dilation: Pair;
}

export type Mode = 'train' | 'evaluate';

/** What a layer uses to put its ops into a plan. Shapes here have the batch in front. */
export interface LowerContext {
  readonly node: string;
  readonly mode: Mode;
  readonly inputs: readonly TensorId[];
  /** The node's own output tensor; to be written by exactly one op. */
  readonly output: TensorId;
  /** i32 [3]: seed and step. */
  readonly random: TensorId;
  shape(tensor: TensorId): Shape;
  parameter(name: string): TensorId;
  buffer(name: string): TensorId;
  /** A further tensor that lives in this segment only. */
  tensor(name: string, shape: Shape, dtype: DType): TensorId;
  emit(op: OpBody): void;
}

/**
 * Everything that the lab knows of a layer. The palette, the inspector's form, checks, the description in the terminal and the
 * JSON schema follow from it. Shapes are those of one image.
 */
export interface LayerDefinition<S extends PropSchemas = PropSchemas> {
  readonly name: LayerName;
  readonly title: string;
  readonly category: LayerCategory;
  /** One line for a palette. */
  readonly summary: string;
  /** A few sentences for someone who meets it for the first time. */
  readonly help: string;
  readonly reference?: { readonly text: string; readonly url: string };
  /** How many nodes it reads; max null: any number. */
  readonly inputs: { readonly min: number; readonly max: number | null };
  readonly props: S;
  /** The properties that matter in a few words, for a card ("32 filters, 3×3"). Empty if there is nothing to say. */
  describe(props: PropValues<S>): string;
  shape(props: PropValues<S>, inputs: readonly LayerInput[], self: string): Shape | ShapeFault;
  parameters(props: PropValues<S>, inputs: readonly Shape[]): readonly ParameterSpec[];
  buffers(props: PropValues<S>, inputs: readonly Shape[]): readonly BufferSpec[];
  /** Multiply-accumulates per image of its matrix products; layers without any count 0. */
  macs(props: PropValues<S>, inputs: readonly Shape[], output: Shape): number;
  window?(props: PropValues<S>, inputs: readonly Shape[]): LayerWindow;
  /** True where it hands its input on unchanged and so is left out of the plan. */
  isIdentity?(props: PropValues<S>, mode: Mode): boolean;
  lower(props: PropValues<S>, context: LowerContext): void;
}

type Optional = 'parameters' | 'buffers' | 'macs' | 'describe' | 'inputs';

/** Completes a layer without parameters, state, matrix products or properties worth naming, that reads one node. */
export function defineLayer<const S extends PropSchemas>(
  layer: Omit<LayerDefinition<S>, Optional> & Partial<Pick<LayerDefinition<S>, Optional>>,
): LayerDefinition<S> {
  return {
    inputs: { min: 1, max: 1 },
    describe: () => '',
    parameters: () => [],
    buffers: () => [],
    macs: () => 0,
    ...layer,
  };
}

/** "100 features", "an image of 32×14×14". */
export function describeShape(shape: Shape): string {
  if (shape.length === 1) return shape[0] === 1 ? '1 feature' : `${shape[0]} features`;
  if (shape.length === 3) return `an image of ${shape.join('×')}`;
  return shape.length === 0 ? 'a single number' : shape.join('×');
}

export const isImage = (shape: Shape): boolean => shape.length === 3;
export const isFeatures = (shape: Shape): boolean => shape.length === 1;

/** The fault of a layer that takes images only. */
export function needsImage(self: string, input: LayerInput): ShapeFault {
  return {
    fault: `${self} takes an image, but ${input.id} gives ${describeShape(input.shape)}; put it before the flatten or global pooling, or remove it.`,
  };
}
