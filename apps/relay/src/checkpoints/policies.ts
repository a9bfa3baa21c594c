import { counter, group, list, lww, record, set } from '@syncline/merge'
import { items } from '@syncline/merge/diff'
import { diff3 } from '@syncline/merge/diff3'
import type { Policy } from '@syncline/stm'
import { docPolicy, textPolicy } from '@syncline/yjs'

/** All there are. Any ref of each will do: they are known by their tags, and fold without anything declared. */
export const policies: readonly Policy[] = [
  ...[
    lww('any', null),
    counter('any'),
    list('any'),
    record('any', {}),
    set('any'),
    group('any', {}),
    diff3('any', { by: items, initial: [] }),
  ].map(({ policy }) => policy),
  textPolicy,
  docPolicy,
]
