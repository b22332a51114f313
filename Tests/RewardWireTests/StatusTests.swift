import FoundationEssentials
import RewardModel
import RewardTestSupport
import RewardWire
import Testing

@Suite struct StatusTests {
    @Test func everyFailureHasItsOwnNumberAndComesBack() {
        let codes = FailureCode.allCases.map { WireStatusCode($0) }
        #expect(Set(codes.map(\.rawValue)).count == FailureCode.allCases.count)
        #expect(codes.map(\.failureCode) == FailureCode.allCases)
        #expect(!codes.contains(.ok) && !codes.contains(.unspecified))
    }

    /// The table in the README is what the code does.
    @Test func theReadmeListsEveryStatus() throws {
        let text = try String(
            decoding: Data(contentsOf: URL(filePath: "\(Fixtures.repository)/Protocols/README.md")), as: UTF8.self)
        for code in FailureCode.allCases {
            let name = VectorTests.name(WireStatusCode(code))
            let row = "| \(WireStatusCode(code).rawValue) | `\(name)` | \(code.isRetryable ? "yes" : "no") |"
            #expect(text.contains(row), "no row \(row)")
        }
    }

    @Test(arguments: [
        (Duration.zero, UInt32(0)), (.nanoseconds(1), 1), (.milliseconds(5), 5), (.seconds(-1), 0),
        (.seconds(1 << 40), .max),
    ])
    func delaysAreRoundedUp(delay: Duration, milliseconds: UInt32) {
        #expect(delay.wireMilliseconds == milliseconds)
    }
}
