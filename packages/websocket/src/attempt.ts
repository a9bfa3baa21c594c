import type { Connection, TransportEvents } from '@syncline/store'
import { ABNORMAL, checkCloseCode, fitReason, TEXT_FRAME } from './closing.ts'
import type { WebSocketConstructor, WebSocketLike } from './options.ts'
import { onPageHide } from './page.ts'

const OPEN = 1

/** Makes one socket and tells what becomes of it. `address` may throw, as the constructor may: that attempt then ends as one that found nobody. */
export function attempt(
  Socket: WebSocketConstructor,
  address: () => string,
  protocols: readonly string[],
  events: TransportEvents,
): Connection {
  let isOver = false
  let stopListening = (): void => undefined
  let socket: WebSocketLike | undefined
  /** What a server-side socket says about a failure; browsers tell pages nothing. */
  let failure = ''

  function end(code: number, reason: string): void {
    if (isOver) return
    isOver = true
    stopListening()
    events.onClose(code, reason)
  }

  /** Ends it here and now, as far as anybody can see. The browser says good-bye on its own time, which on a dead network is long. */
  function close(code: number, reason: string): void {
    if (isOver || socket === undefined) return
    stopListening()
    // Errors still come, and one that nobody listens to would end a Node process.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.onerror = () => undefined
    socket.close(code, fitReason(reason))
    socket = undefined
    queueMicrotask(() => end(code, reason))
  }

  try {
    const made = new Socket(address(), [...protocols])
    made.binaryType = 'arraybuffer'
    made.onopen = () => events.onOpen()
    made.onmessage = ({ data }: { readonly data: unknown }) => {
      if (data instanceof ArrayBuffer) events.onMessage(new Uint8Array(data))
      else close(TEXT_FRAME, 'Messages are binary; a text frame came.')
    }
    made.onerror = ({ message = '' }: { readonly message?: string }) => {
      failure = message
    }
    made.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      end(code, reason === '' && code === ABNORMAL ? failure : reason)
    }
    stopListening = onPageHide(() => close(1000, 'page hidden'))
    socket = made
  } catch (error) {
    queueMicrotask(() => end(ABNORMAL, error instanceof Error ? error.message : String(error)))
  }

  return {
    send(message) {
      if (socket?.readyState === OPEN) socket.send(message as Uint8Array<ArrayBuffer>)
    },
    get bufferedBytes() {
      return isOver ? 0 : (socket?.bufferedAmount ?? 0)
    },
    close(code = 1000, reason = '') {
      checkCloseCode(code)
      close(code, reason)
    },
  }
}
