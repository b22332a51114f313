import FoundationEssentials
import RewardImage
import RewardModel
import RewardWire
import SwiftProtobuf
import Testing

@Suite struct LimitTests {
    private let picture = Image(width: 2, height: 1, rgb: [1, 2, 3, 250, 251, 252] as [UInt8])

    private func code(_ frames: [[UInt8]], discarded: Int = 0, _ change: (inout MessageLimits) -> Void) -> FailureCode?
    {
        var limits = MessageLimits()
        change(&limits)
        do {
            _ = try RequestMessage(frames: frames, discardedFrames: discarded, limits: limits)
            return nil
        } catch { return error.failure.code }
    }

    private func message(items: Int, terms: Int = 0) -> [[UInt8]] {
        let objective = Objective(
            scoreWeights: [.overall: 1],
            heatmapTerms: [HeatmapTerm](repeating: HeatmapTerm(heatmap: .implausibility, weight: 1), count: terms))
        let item = PredictionItem(
            image: picture, prompt: "a", outputs: .scores, objective: terms > 0 ? objective : nil)
        return RequestWriter.predict([PredictionItem](repeating: item, count: items), id: [1, 2], timeout: nil)
    }

    @Test func eachLimitIsExact() {
        let three = message(items: 3)
        let bytes = three.reduce(0) { $0 + $1.count }
        #expect(code(three) { $0.maxItems = 3 } == nil && code(three) { $0.maxItems = 2 } == .tooLarge)
        #expect(code(three) { $0.maxFrames = 4 } == nil && code(three) { $0.maxFrames = 3 } == .tooLarge)
        #expect(code(three) { $0.maxMessageBytes = bytes } == nil)
        #expect(code(three) { $0.maxMessageBytes = bytes - 1 } == .tooLarge)
        #expect(code(three) { $0.maxHeaderBytes = three[0].count } == nil)
        #expect(code(three) { $0.maxHeaderBytes = three[0].count - 1 } == .tooLarge)
        #expect(
            code(three) { $0.maxRequestIDBytes = 2 } == nil && code(three) { $0.maxRequestIDBytes = 1 } == .tooLarge)
        let terms = message(items: 2, terms: 5)
        #expect(code(terms) { $0.maxHeatmapTerms = 5 } == nil && code(terms) { $0.maxHeatmapTerms = 4 } == .tooLarge)
        #expect(code(three, discarded: 1) { $0.maxFrames = 4 } == .tooLarge)
    }

    @Test func aRefusalStillNamesTheRequest() throws {
        var limits = MessageLimits()
        limits.maxItems = 1
        let refusal = try #require(throws: RequestMessage.Refusal.self) {
            try RequestMessage(frames: message(items: 2), limits: limits)
        }
        #expect(refusal.id == [1, 2] && refusal.failure.message.contains("2 items"))
    }

    /// Headers that would take a hundred times their size are refused by their count, in no time.
    @Test func millionsOfEmptyItemsOrTermsAreCountedNotDecoded() {
        let start: [UInt8] = [0x08, 1, 0x18, 1]
        let items = start + [[UInt8]](repeating: [0x2a, 0], count: 2_000_000).joined()
        let inner = [[UInt8]](repeating: [0x12, 0], count: 900_000).joined()
        func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
            let count = bytes.count
            return [number << 3 | 2, UInt8(count & 0x7f | 0x80), UInt8(count >> 7 & 0x7f | 0x80), UInt8(count >> 14)]
                + bytes
        }
        let terms = start + field(5, field(4, Array(inner)))
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(code([items]) { _ in } == .tooLarge)
            #expect(code([terms]) { _ in } == .tooLarge)
        }
        #expect(time < .seconds(2))
    }

    /// 64 million black pixels in a few kilobytes: taken at the limit's edge, refused past it before memory is.
    @Test func aPictureThatUnpacksPastTheLimitIsRefusedByItsHeader() throws {
        var limits = MessageLimits()
        limits.image = ImageLimits(maxSide: 100, maxPixels: 5000)
        let black = Image(width: 100, height: 51, rgb: [UInt8](repeating: 0, count: 15300))
        var request = RequestWriter.header(.score, [1])
        request.items = [
            .with {
                $0.image.encoded.frame = 1
                $0.prompt = Data("a".utf8)
                $0.outputs = [.scores]
            }
        ]
        let frames = [request.wireBytes, PNGEncoder.encode(black)]
        guard case .predict(let items) = try RequestMessage(frames: frames, limits: limits).action else { return }
        let failure = try #require(throws: Failure.self) { try items[0].decode(limits: limits) }
        #expect(failure.code == .tooLarge && failure.message.contains("100×51"))
        limits.image.maxPixels = 5100
        #expect(try items[0].decode(limits: limits).image == black)
    }

    @Test func sharedFramesAreCountedOnce() throws {
        let vector = try #require(Vector.requests.first { $0.name == "score-shared-frame" })
        let message = try RequestMessage(frames: vector.frames, limits: MessageLimits())
        guard case .predict(let items) = message.action else { return }
        #expect(items.count == 2)
        #expect(items[0].bytes < 256 + 16 && items[1].bytes >= vector.frames[1].count + 256)
    }
}
