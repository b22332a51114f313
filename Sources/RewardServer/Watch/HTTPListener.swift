import Glibc
package import RewardModel

/// Answers GET and HEAD, one request a connection, on a thread of its own.
///
/// Everything a client can hold is bounded: connections, the bytes of a request, and the time from the connection to
/// its end. FlyingFox and its like read header lines of any length from any number of clients.
package final class HTTPListener: Sendable {
    /// `host:port`, with the real port.
    package let address: String
    private let descriptor: Int32
    private let respond: @Sendable (HTTPRequest) -> HTTPResponse
    private let bounds: Bounds

    package struct Bounds: Sendable {
        /// At one more the oldest is closed.
        package var connections = 32
        /// From a connection's start to its end.
        package var time = Duration.seconds(10)

        package init() {}
    }

    private struct Connection {
        let descriptor: Int32
        let deadline: ContinuousClock.Instant
        var input: [UInt8] = []
        var output: [UInt8] = []
        var sent = 0
        /// Everything has been sent: only the client's end is waited for, so that its system does not drop the answer.
        var isAnswered = false

        var events: Int16 { Int16(output.isEmpty || isAnswered ? POLLIN : POLLOUT) }
    }

    /// Binds and listens; `start` begins to answer.
    ///
    /// - Parameter endpoint: host and port; a host that is a number, or `*` for all addresses of this machine.
    /// - Throws: `Failure` that names what kept it from listening.
    package init(
        host: String, port: UInt16, bounds: Bounds = Bounds(),
        respond: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws(Failure) {
        self.bounds = bounds
        self.respond = respond
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host == "*" ? nil : host, "\(port)", &hints, &found)
        guard status == 0, let entry = found?.pointee else {
            throw Failure(.fileError, "metrics at \(host):\(port): \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(found) }
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        descriptor = socket(entry.ai_family, flags, 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard descriptor >= 0, bind(descriptor, entry.ai_addr, entry.ai_addrlen) == 0, listen(descriptor, 64) == 0
        else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { close(descriptor) }
            throw Failure(.fileError, "metrics at \(host):\(port): \(reason)")
        }
        let shown = host.contains(":") ? "[\(host)]" : host
        address = "\(shown):\(Self.port(of: descriptor) ?? port)"
    }

    deinit {
        close(descriptor)
    }

    private static func port(of descriptor: Int32) -> UInt16? {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { raw in
            guard let base = raw.baseAddress,
                getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &size) == 0
            else { return nil }
            // The port lies at the same place for both families.
            return UInt16(bigEndian: raw.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// Answers for as long as the process lives.
    package func start() {
        ThreadStart.detached { [self] in
            var connections: [Connection] = []
            while true { turn(&connections) }
        }
    }

    private func turn(_ connections: inout [Connection]) {
        var items = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
        items += connections.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let now = ContinuousClock.now
        let next = connections.map { now.duration(to: $0.deadline) }.min()
        let timeout = next.map { Int32(clamping: Int($0 / .milliseconds(1)) + 1) } ?? -1
        guard poll(&items, nfds_t(items.count), max(timeout, -1)) >= 0 else { return }
        var kept: [Connection] = []
        for (index, var connection) in connections.enumerated() {
            let isReady = items[index + 1].revents != 0
            if connection.deadline > ContinuousClock.now, !isReady || advance(&connection) {
                kept.append(connection)
            } else {
                close(connection.descriptor)
            }
        }
        connections = kept
        if items[0].revents != 0 { accept(into: &connections) }
    }

    private func accept(into connections: inout [Connection]) {
        for _ in 0..<bounds.connections {
            let client = Glibc.accept(descriptor, nil, nil)
            guard client >= 0 else {
                // Without free descriptors the connection stays waiting: no busy loop around it.
                if errno == EMFILE || errno == ENFILE { usleep(20_000) }
                return
            }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            if connections.count == bounds.connections { close(connections.removeFirst().descriptor) }
            connections.append(Connection(descriptor: client, deadline: ContinuousClock.now + bounds.time))
        }
    }

    /// Reads or writes what is possible now. False: the connection is over.
    private func advance(_ connection: inout Connection) -> Bool {
        if !connection.output.isEmpty, !connection.isAnswered { return write(&connection) }
        var chunk = [UInt8](repeating: 0, count: 2048)
        let count = recv(connection.descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        if connection.isAnswered { return true }
        connection.input += chunk[..<count]
        switch HTTPRequest.parse(connection.input) {
        case .incomplete: return true
        case .wrong(let status): connection.output = HTTPResponse.wrong(status).bytes(for: .get)
        case .request(let request): connection.output = respond(request).bytes(for: request.method)
        }
        connection.input = []
        return write(&connection)
    }

    private func write(_ connection: inout Connection) -> Bool {
        let left = connection.output[connection.sent...]
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let count = left.withUnsafeBytes { send(connection.descriptor, $0.baseAddress, $0.count, flags) }
        guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
        connection.sent += count
        guard connection.sent == connection.output.count else { return true }
        shutdown(connection.descriptor, Int32(SHUT_WR))
        connection.isAnswered = true
        return true
    }
}
