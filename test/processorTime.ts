/** Milliseconds of processor time of this process so far: bounds on it hold on a busy machine, too. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
