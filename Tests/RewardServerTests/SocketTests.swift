import Glibc
import RewardServer
import Testing

@Suite struct SocketTests {
    private func router(in context: Context, at endpoint: String) throws -> (Socket, String) {
        let socket = try Socket(.router, in: context)
        try socket.set(.linger(.zero))
        try socket.set(.mandatory(true))
        try socket.set(.maxMessageSize(1000))
        return (socket, try socket.bind(endpoint))
    }

    private func receive(_ socket: Socket, maxFrames: Int = 8) throws -> Socket.Multipart? {
        _ = try Poll.wait(for: [socket], timeout: .seconds(5))
        return try socket.receive(maxFrames: maxFrames)
    }

    private func peer(_ kind: Socket.Kind, in context: Context, at endpoint: String) throws -> Socket {
        let socket = try Socket(kind, in: context)
        try socket.set(.linger(.zero))
        try socket.connect(endpoint)
        return socket
    }

    @Test(arguments: ["tcp://127.0.0.1:*", "ipc://*"]) func requestAndDealerBothGetAnswers(endpoint: String) throws {
        let context = try Context()
        let (server, bound) = try router(in: context, at: endpoint)
        #expect(!bound.contains("*"))
        let request = try peer(.request, in: context, at: bound)
        try request.send([[1], []])
        let fromRequest = try #require(try receive(server))
        #expect(Array(fromRequest.frames.dropFirst()) == [[], [1], []])
        try server.send([fromRequest.frames[0], [], [2]])
        #expect(try receive(request)?.frames == [[2]])

        let dealer = try peer(.dealer, in: context, at: bound)
        try dealer.send([[3], [4]])
        let fromDealer = try #require(try receive(server))
        #expect(Array(fromDealer.frames.dropFirst()) == [[3], [4]])
        try server.send([fromDealer.frames[0], [5]])
        #expect(try receive(dealer)?.frames == [[5]])
    }

    @Test func surplusFramesAreCountedAndTheNextMessageIsWhole() throws {
        let context = try Context()
        let (server, bound) = try router(in: context, at: "tcp://127.0.0.1:*")
        let dealer = try peer(.dealer, in: context, at: bound)
        try dealer.send((0..<20).map { [$0] })
        try dealer.send([[7]])
        let first = try #require(try receive(server, maxFrames: 3))
        #expect(first.frames.count == 3 && first.discardedFrames == 18)
        #expect(try receive(server, maxFrames: 3)?.frames.last == [7])
    }

    @Test func anOversizedFrameCostsOnlyItsSender() throws {
        let context = try Context()
        let (server, bound) = try router(in: context, at: "tcp://127.0.0.1:*")
        let large = try peer(.dealer, in: context, at: bound)
        try large.send([[UInt8](repeating: 0, count: 1001)])
        let small = try peer(.dealer, in: context, at: bound)
        try small.send([[1]])
        #expect(try receive(server)?.frames.last == [1])
        _ = try Poll.wait(for: [server], timeout: .milliseconds(100))
        #expect(try server.receive(maxFrames: 8) == nil)
    }

    @Test func answeringAPeerThatIsGoneIsAnError() throws {
        let context = try Context()
        let (server, _) = try router(in: context, at: "tcp://127.0.0.1:*")
        let failure = try #require(throws: ZeroMQError.self) { try server.send([[9, 9], [1]]) }
        #expect(failure.number == EHOSTUNREACH)
        #expect(failure.description.contains("unreachable"))
    }

    @Test func bindingTwiceNamesTheEndpoint() throws {
        let context = try Context()
        let (_first, bound) = try router(in: context, at: "tcp://127.0.0.1:*")
        let failure = try #require(throws: ZeroMQError.self) { try self.router(in: context, at: bound) }
        #expect(failure.number == EADDRINUSE && failure.description.contains(bound))
        withExtendedLifetime(_first) {}
    }

    @Test func aWakeUpEndsAWaitAndIsClearedByIt() throws {
        let wakeUp = try WakeUp()
        wakeUp.signal()
        wakeUp.signal()
        let clock = ContinuousClock()
        let woken = try clock.measure { _ = try Poll.wait(for: [], wakeUp: wakeUp, timeout: .seconds(10)) }
        #expect(woken < .seconds(5))
        let idle = try clock.measure { _ = try Poll.wait(for: [], wakeUp: wakeUp, timeout: .milliseconds(30)) }
        #expect(idle >= .milliseconds(29))
    }

    @Test(arguments: ["tcp://127.0.0.1:5555", "tcp://127.9.0.1:*", "tcp://[::1]:80", "ipc:///run/rahf"])
    func localAddressesAreAccepted(text: String) throws {
        #expect(try BindAddress(text).endpoint == text)
    }

    @Test(arguments: ["tcp://*:5555", "tcp://0.0.0.0:1", "tcp://127.0.0.1.example:1", "tcp://eth0:1", "tcp://[::]:1"])
    func addressesOthersCanReachNeedInsecure(text: String) throws {
        #expect(throws: BindAddress.Refusal.notLoopback(text)) { try BindAddress(text) }
        #expect(try BindAddress(text, insecure: true).endpoint == text)
    }

    @Test(arguments: [
        "", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://:1", "ipc://", "udp://127.0.0.1:1",
    ])
    func otherAddressesAreMalformed(text: String) {
        #expect(throws: BindAddress.Refusal.malformed(text)) { try BindAddress(text, insecure: true) }
    }
}
