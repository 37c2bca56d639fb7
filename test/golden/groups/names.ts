/** Reference data write leaky_relu where the engine writes leakyRelu, and hardswish where it writes hardSwish. */
export function engineOpName(name: string): string {
  return name === 'hardswish' ? 'hardSwish' : name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
