import Dispatch
import Synchronization

/// Elements made on a thread of their own, a few ahead of who takes them.
final class ReadAhead<Element: Sendable>: Sendable {
    private let room: DispatchSemaphore
    private let filled = DispatchSemaphore(value: 0)
    private let state = Mutex(State())

    private struct State {
        var elements: [Result<Element?, any Error>] = []
        var isStopped = false
    }

    struct Stopped: Error {}

    /// Starts `produce`, which calls its argument with each element; the call waits while `depth` are untaken.
    init(depth: Int, produce: @escaping @Sendable ((Element) throws -> Void) throws -> Void) {
        room = DispatchSemaphore(value: depth)
        DispatchQueue(label: "read-ahead").async { [self] in
            do {
                try produce { element in
                    room.wait()
                    guard put(.success(element)) else { throw Stopped() }
                }
                _ = put(.success(nil))
            } catch {
                _ = put(.failure(error))
            }
        }
    }

    private func put(_ element: Result<Element?, any Error>) -> Bool {
        let isStopped = state.withLock { state in
            state.elements.append(element)
            return state.isStopped
        }
        filled.signal()
        return !isStopped
    }

    /// The next element, or nil after the last. Not to be called again after that, nor after an error.
    func next() throws -> Element? {
        filled.wait()
        let element = state.withLock { $0.elements.removeFirst() }
        room.signal()
        return try element.get()
    }

    /// Ends the producing thread at its next element.
    func stop() {
        state.withLock { $0.isStopped = true }
        room.signal()
    }
}
