import {
  encodeChange,
  encodeLocal,
  noLocalPart,
  pendingIn,
  type AsleepPending,
  type KeptPending,
} from '@syncline/protocol'

/** The pending Changes of a list, each as a record. */
export function recordsIn(list: AsleepPending): readonly KeptPending[] {
  return pendingIn(list).flatMap((one): readonly KeptPending[] => {
    if (!('run' in one)) return [one]
    return one.run.map(({ change, inverse }) => {
      const { writer, seq, deps } = change
      return [encodeChange(change), encodeLocal({ ...noLocalPart, inverse }), [...deps.writers, [writer, seq - 1]]]
    })
  })
}
