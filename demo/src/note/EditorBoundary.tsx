import { RefreshCw } from 'lucide-react'
import { Component, type ReactNode } from 'react'
import { Button } from '../parts/Button.tsx'

/** Stands in for an editor whose code cannot be fetched: there is no network, or the build it belongs to is gone. */
export class EditorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override readonly state = { error: undefined }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  override render() {
    if (this.state.error === undefined) return this.props.children
    return (
      <div role="alert" className="m-5 rounded-xl bg-warn-soft p-4 text-[13px]">
        <p className="font-medium">The editor could not be loaded.</p>
        <p className="mt-1 text-ink-2">
          The network may be away, or a newer version of this app was installed. The note is safe; reload the page to
          open it.
        </p>
        <p className="mt-1 text-xs text-ink-3">{String(this.state.error)}</p>
        <Button className="mt-3" onClick={() => location.reload()}>
          <RefreshCw className="size-3.5" /> Reload
        </Button>
      </div>
    )
  }
}
