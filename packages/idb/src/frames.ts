/**
 * The `indexedDB` of hidden frames of this page.
 *
 * A frame without an address is a document of its own, of the same origin and made at once. It may not be had: there is none in a worker, and a page may have
 * a policy against frames. Then nothing is said, and it is not tried again, for each try would be reported where the policy says so.
 */
export interface Frames {
  /** That of the newest frame, if there is one. */
  present(): IDBFactory | undefined
  /** That of a frame which is newer than the one of `lost`; undefined where there can be none. */
  after(lost: IDBFactory | undefined): Promise<IDBFactory | undefined>
}

/** The last one may not have told yet of all that was under way in it; the one before it has. */
const MOST_FRAMES = 2

export function createFrames(): Frames {
  const frames: HTMLIFrameElement[] = []
  let isForbidden = typeof document === 'undefined'
  let adding: Promise<void> | undefined

  function present(): IDBFactory | undefined {
    const newest = frames.at(-1)
    return newest && factoryOf(newest)
  }

  async function add(): Promise<void> {
    const frame = document.createElement('iframe')
    frame.style.display = 'none'
    await new Promise<void>((resolve) => {
      frame.onload = () => resolve()
      // Not in the body, of which apps and their libraries count the children.
      document.documentElement.append(frame)
    })
    if (factoryOf(frame) === undefined) {
      isForbidden = true
      frame.remove()
      return
    }
    frames.push(frame)
    while (frames.length > MOST_FRAMES) frames.shift()!.remove()
  }

  return {
    present,
    async after(lost) {
      const newest = present()
      if (isForbidden || (newest !== undefined && newest !== lost)) return newest
      adding ??= add().finally(() => (adding = undefined))
      await adding
      return present()
    },
  }
}

/** Undefined when the frame was taken out of the page, or shows what is of another origin, as what a policy put there is. */
function factoryOf(frame: HTMLIFrameElement): IDBFactory | undefined {
  try {
    return frame.contentWindow?.indexedDB
  } catch {
    return undefined
  }
}
