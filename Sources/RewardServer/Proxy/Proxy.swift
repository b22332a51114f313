import CZeroMQ
import Glibc
package import Logging
import Synchronization

/// Several servers behind one address: ZeroMQ's own proxy between a ROUTER, to which clients connect, and a DEALER, which
/// deals their requests to the servers in turn.
///
/// It keeps nothing: what a dead server had is lost with it, its client hears no more of it and asks again, and the next
/// server in turn has the request. Names travel with the messages, so that every server tells all clients apart.
package final class Proxy: Sendable {
    package struct Configuration: Sendable {
        /// Where clients connect, at least one.
        package var addresses: [BindAddress]
        /// The servers' endpoints, at least one. They need not be there yet.
        package var servers: [String]
        /// How it encrypts towards clients, and which may connect.
        package var security: ServerSecurity?
        /// How it encrypts towards the servers, which all have one key.
        package var serverSecurity: ClientSecurity?
        /// Largest frame in bytes. The default is 256 MiB.
        package var maxMessageBytes = 256 << 20
        /// Replies kept for a client that does not read them. The default is 256; further ones are dropped.
        package var repliesPerClient = 256
        package var handshakeTime = Duration.seconds(10)

        package init(addresses: [BindAddress], servers: [String]) {
            self.addresses = addresses
            self.servers = servers
        }
    }

    private static let control = "inproc://rahf-proxy-control"
    private let configuration: Configuration
    private let context: Context
    private let log: Logger
    private let isStopped = Atomic(false)

    package init(_ configuration: Configuration, log: Logger) throws {
        precondition(!configuration.addresses.isEmpty && !configuration.servers.isEmpty, "a proxy has two sides")
        self.configuration = configuration
        self.log = log
        context = try Context()
    }

    /// Passes messages on until stopped, on the calling thread.
    ///
    /// - Parameter onBound: is called once with the bound endpoints.
    package func run(onBound: ([String]) -> Void = { _ in }) throws {
        let (context, configuration, log) = (context, configuration, log)
        let authenticator = try configuration.security?.clients.map {
            try Authenticator($0, in: context, log: log) {}
        }
        let control = try Socket(.pair, in: context)
        _ = try control.bind(Self.control)
        let back = try serversSide()
        let (front, endpoints) = try clientsSide()
        onBound(endpoints)
        defer { authenticator?.stop() }
        while zmq_proxy_steerable(front.pointer, back.pointer, nil, control.pointer) != 0 {
            guard zmq_errno() == EINTR else { throw ZeroMQError.last("proxy") }
        }
    }

    /// Ends `run`; what has arrived by then is still sent. Any thread.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        do throws(ZeroMQError) {
            let control = try Socket(.pair, in: context)
            try control.connect(Self.control)
            try control.send([Array("TERMINATE".utf8)])
        } catch { log.error("the proxy cannot be stopped", metadata: ["reason": "\(error)"]) }
    }

    /// Reads the list of clients again. Any thread.
    package func reloadClients() {
        _ = configuration.security?.clients?.reloadAndLog(log, always: true)
    }

    private func clientsSide() throws -> (Socket, [String]) {
        let socket = try Socket(.router, in: context)
        try socket.set(.linger(.seconds(2)))
        // Replies to clients that are gone or do not read are dropped: the proxy must wait for nobody.
        try socket.set(.mandatory(false))
        try socket.set(.handover(true))
        try socket.set(.maxMessageSize(configuration.maxMessageBytes))
        try socket.set(.sendHighWaterMark(configuration.repliesPerClient))
        try socket.set(.receiveHighWaterMark(8))
        try socket.set(.heartbeat(interval: .seconds(5), timeout: .seconds(15)))
        try socket.set(.handshake(configuration.handshakeTime))
        if let security = configuration.security {
            try socket.set(.curveServer(security.keys, authenticate: security.clients != nil))
        }
        if configuration.addresses.contains(where: { $0.endpoint.hasPrefix("tcp://[") }) { try socket.set(.ipv6(true)) }
        return (socket, try configuration.addresses.map { try Listener.bind(socket, $0.endpoint) })
    }

    private func serversSide() throws -> Socket {
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger(.seconds(2)))
        try socket.set(.routingID(ProxyName.make()))
        // Only servers that are there get requests, and one that falls silent is soon no longer there.
        try socket.set(.immediate(true))
        try socket.set(.heartbeat(interval: .seconds(1), timeout: .seconds(3)))
        try socket.set(.handshake(configuration.handshakeTime))
        try socket.set(.sendHighWaterMark(8))
        if let security = configuration.serverSecurity { try socket.set(.curveClient(security)) }
        if configuration.servers.contains(where: { $0.hasPrefix("tcp://[") }) { try socket.set(.ipv6(true)) }
        for server in configuration.servers { try socket.connect(server) }
        return socket
    }
}
