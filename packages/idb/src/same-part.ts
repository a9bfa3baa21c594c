/** Stands for the checksum of what has none, or cannot be read. */
export const FLAWED = 'flawed'

/**
 * Whether what is read now, in the place of a part of a checkpoint, is still that part: another checkpoint that has taken its place may have parts at the same positions. A part is known by its
 * checksum, and one that is damaged by being so.
 */
export async function isStill(
  sum: unknown,
  reading: Promise<unknown>,
  sumIn: (value: unknown) => unknown,
): Promise<boolean> {
  const now = await reading.then(
    (value) => value !== undefined && sumIn(value),
    () => FLAWED,
  )
  return now === sum
}
