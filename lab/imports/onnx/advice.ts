/** What to do about operators that are not read, where there is more to say than that they are to be replaced. */
const advice: readonly { readonly operators: readonly string[]; readonly words: string }[] = [
  {
    operators: ['Shape', 'Gather', 'Unsqueeze', 'Slice', 'Range', 'ConstantOfShape', 'Expand', 'Size'],
    words:
      'a shape is computed while the model runs; flatten by flatten(1) instead of a size that is asked for, or fold such parts with a simplifier of ONNX files',
  },
  {
    operators: ['Transpose'],
    words: 'images stay [N, channels, height, width] here; export the model for that order',
  },
  {
    operators: [
      'QuantizeLinear',
      'DequantizeLinear',
      'DynamicQuantizeLinear',
      'QLinearConv',
      'QLinearMatMul',
      'ConvInteger',
      'MatMulInteger',
    ],
    words: 'export the model as it was before it was quantised',
  },
  { operators: ['If', 'Loop', 'Scan'], words: 'export the model without control flow, for one path through it' },
  { operators: ['Clip'], words: 'use a plain ReLU in place of a clipped one' },
  { operators: ['PRelu'], words: 'use a leaky ReLU, whose slope is fixed' },
  { operators: ['GlobalMaxPool'], words: 'use a global average, or a max pooling over the whole image' },
  { operators: ['Upsample'], words: 'convert the file to operator set 13 or later, which has Resize' },
  {
    operators: ['Softmax', 'LogSoftmax'],
    words: 'one is read at the output alone, where the loss takes its place',
  },
];

const byOperator = new Map(advice.flatMap(({ operators, words }) => operators.map((each) => [each, words] as const)));

/** `operator`: with its domain in front, where that is another than ONNX's own. */
export function adviceFor(operator: string): string | undefined {
  if (operator.includes('.'))
    return 'it belongs to another program; export without the optimisations or extensions that put it there';
  return byOperator.get(operator);
}
