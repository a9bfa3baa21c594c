import { judgeWrites, type AnyCollection, type AnyRef, type CellKey, type Rules, type Snapshot } from '@syncline/stm'
import { encodedBytes, follow, type Following, type Violation } from './violations.ts'

/** What must hold of values: asked before each commit of this tab, looked at after each commit whatsoever. */
export interface Validity {
  /** What transactions are held against. */
  readonly rules: Rules
  /** Whether nobody wants to know. */
  readonly isIdle: boolean
  /** A commit is visible, and who watches has been told of it. */
  look(changed: ReadonlySet<CellKey>, snapshot: Snapshot): void
  onViolation(of: readonly (AnyRef | AnyCollection)[], listener: (violation: Violation) => void): () => void
  close(): void
}

/** Makes the validity of one open store. What listeners throw goes to `report`. */
export function createValidity(now: () => Snapshot, report: (error: unknown) => void): Validity {
  const followings = new Set<Following>()

  return {
    rules: {
      judge(writes, view, context) {
        judgeWrites(writes, view, context, encodedBytes)
        return []
      },
    },
    get isIdle() {
      return followings.size === 0
    },
    look(changed, snapshot) {
      for (const following of [...followings]) following.look(changed, snapshot)
    },
    onViolation(of, listener) {
      const following = follow(of, now(), (violation) => {
        try {
          listener(violation)
        } catch (error) {
          report(error)
        }
      })
      followings.add(following)
      return () => followings.delete(following)
    },
    close: () => followings.clear(),
  }
}
