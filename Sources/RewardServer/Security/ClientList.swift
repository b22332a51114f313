import Glibc
package import RewardModel
import Synchronization

/// The public keys that may connect: a file that can change while the server runs.
///
/// A line is a key (40 characters of Z85), then a name for the logs. Blank lines and lines of `#` and a space are passed
/// over. `rahf keygen` prints such a line.
package final class ClientList: Sendable {
    package let path: String
    private let state: Mutex<State>

    private struct State {
        var names: [CurveKey: String]
        var stamp: Stamp
        /// Of the file that could not be used last.
        var refused: Stamp?
        var generation = 0
    }

    /// Tells one content of the file from another.
    private struct Stamp: Equatable {
        var device: UInt
        var file: UInt
        var size: Int
        var seconds: Int
        var nanoseconds: Int

        init(path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else {
                (device, file, size, seconds, nanoseconds) = (0, 0, -1, 0, 0)
                return
            }
            (device, file, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
            (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        }
    }

    /// - Throws: `fileError`, with the line that is no key.
    package init(path: String) throws(Failure) {
        self.path = path
        // The stamp first: a change in between is then read again.
        let stamp = Stamp(path: path)
        state = Mutex(State(names: try Self.read(path), stamp: stamp))
    }

    package var count: Int { state.withLock { $0.names.count } }
    /// Counts the times the list changed.
    package var generation: Int { state.withLock { $0.generation } }

    /// The name of a client that may connect; nil for others.
    func name(of key: CurveKey) -> String? { state.withLock { $0.names[key] } }

    /// Reads the file again, when it has changed or `always`.
    ///
    /// - Returns: the names that came and went; nil when nothing changed.
    /// - Throws: why the new content cannot be used. The list stays as it was: a slip of an editor must not lock
    ///   everybody out, or in. The same content is reported once.
    package func reload(always: Bool = false) throws(Failure) -> (added: [String], removed: [String])? {
        let stamp = Stamp(path: path)
        let isNew = state.withLock { always || ($0.stamp != stamp && $0.refused != stamp) }
        guard isNew else { return nil }
        let names: [CurveKey: String]
        do throws(Failure) { names = try Self.read(path) } catch {
            state.withLock { $0.refused = stamp }
            throw error
        }
        return state.withLock { state in
            let old = state.names
            (state.names, state.stamp, state.refused) = (names, stamp, nil)
            guard names != old else { return nil }
            state.generation += 1
            return (
                names.filter { old[$0.key] == nil }.values.sorted(), old.filter { names[$0.key] == nil }.values.sorted()
            )
        }
    }

    private static func read(_ path: String) throws(Failure) -> [CurveKey: String] {
        var names: [CurveKey: String] = [:]
        let lines = try CurveFile.read(path, secret: false).split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
            guard let first = words.first, first != "#" else { continue }
            guard let key = CurveKey(z85: first) else {
                throw Failure(.fileError, "\(path), line \(index + 1): it does not start with a key")
            }
            guard names[key] == nil else {
                throw Failure(.fileError, "\(path), line \(index + 1): the key is there twice")
            }
            names[key] = words.count > 1 ? words.dropFirst().joined(separator: " ") : "client \(index + 1)"
        }
        return names
    }
}
