import type { Change } from '@syncline/stm'
import type { Report } from './report.ts'

/** The Changes that have become visible and that nobody was told of: whoever tells them takes them. */
export class Applied {
  #changes: Change[] = none
  #origin: Report<unknown>['origin']

  add(change: Change, isLocal: boolean): void {
    const origin = isLocal ? 'local' : 'remote'
    if (this.#changes === none) {
      this.#changes = [change]
      this.#origin = origin
      return
    }
    this.#changes.push(change)
    if (this.#origin !== origin) this.#origin = undefined
  }

  get changes(): readonly Change[] {
    return this.#changes
  }

  /** `local` when all of them were committed in this store, `remote` when none was; undefined when neither is so. */
  get origin(): Report<unknown>['origin'] {
    return this.#origin
  }

  clear(): void {
    this.#changes = none
    this.#origin = undefined
  }
}

const none: Change[] = []
