/// An address a server may listen on.
package struct BindAddress: Sendable, Equatable {
    package enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        /// Neither `tcp://host:port` nor `ipc://path`.
        case malformed(String)
        /// Others than this machine could connect, and nothing would be encrypted.
        case notLoopback(String)

        package var description: String {
            switch self {
            case .malformed(let text): "\"\(text)\" is neither tcp://HOST:PORT nor ipc://PATH"
            case .notLoopback(let text):
                """
                \(text) can be reached from other machines without encryption; bind to 127.0.0.1, give --curve-secret, \
                or --insecure
                """
            }
        }
    }

    package let endpoint: String

    /// Checks the form, and that TCP stays on this machine unless it is `encrypted`, or `insecure` by request.
    ///
    /// Only literal loopback addresses count as loopback: a name could resolve to anything.
    package init(_ text: String, encrypted: Bool = false, insecure: Bool = false) throws(Refusal) {
        if text.hasPrefix("ipc://"), text.utf8.count > 6, !text.utf8.contains(0) {
            endpoint = text
            return
        }
        guard text.hasPrefix("tcp://"), !text.utf8.contains(0) else { throw .malformed(text) }
        let rest = text.dropFirst(6)
        guard let colon = rest.lastIndex(of: ":") else { throw .malformed(text) }
        let (host, port) = (rest[..<colon], rest[rest.index(after: colon)...])
        guard !host.isEmpty, port == "*" || (UInt16(port) != nil && !port.hasPrefix("+")) else {
            throw .malformed(text)
        }
        guard encrypted || insecure || Self.isLoopback(host) else { throw .notLoopback(text) }
        endpoint = text
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        if host == "[::1]" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127"
            && octets.allSatisfy { $0.allSatisfy(\.isASCII) && !$0.hasPrefix("+") && UInt8($0) != nil }
    }
}
