import type { WriterId } from '@syncline/stm'

/** Raises what is known of a writer: up to which seq. */
export function raise(writers: Map<WriterId, number>, writer: WriterId, seq: number): void {
  if (seq > (writers.get(writer) ?? 0)) writers.set(writer, seq)
}
