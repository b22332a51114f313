import RewardImage
import RewardModel
import RewardWire
import Testing

/// Fixed-seed damage to the recorded messages: whatever comes, the answer is typed and nothing stops the process.
@Suite struct FuzzTests {
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }

    private static func damage(_ frames: [[UInt8]], _ generator: inout Generator) -> [[UInt8]] {
        var frames = frames
        for _ in 0..<(1 + Int.random(in: 0..<8, using: &generator) / 6) {
            let frame =
                Int.random(in: 0..<3, using: &generator) == 0 ? 0 : Int.random(in: 0..<frames.count, using: &generator)
            guard !frames[frame].isEmpty else { continue }
            let position = Int.random(in: 0..<frames[frame].count, using: &generator)
            switch Int.random(in: 0..<9, using: &generator) {
            case 0, 6, 7, 8: frames[frame][position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: frames[frame][position] = UInt8.random(in: 0...255, using: &generator)
            case 2: frames[frame].removeSubrange(position...)
            case 3: frames[frame].insert(UInt8.random(in: 0...255, using: &generator), at: position)
            case 4: frames[frame].remove(at: position)
            default: frames.append(frames[frame])
            }
        }
        return frames
    }

    @Test(arguments: 0..<8) func damagedRequestsAreRefusedOrRead(seed: UInt64) {
        var generator = Generator(state: seed)
        var limits = MessageLimits()
        limits.image = ImageLimits(maxSide: 2000, maxPixels: 100_000)
        var (refused, failed, read) = (0, 0, 0)
        for _ in 0..<40 {
            for vector in Vector.requests {
                do throws(RequestMessage.Refusal) {
                    let message = try RequestMessage(frames: Self.damage(vector.frames, &generator), limits: limits)
                    guard case .predict(let items) = message.action else { continue }
                    for item in items {
                        do throws(Failure) {
                            let item = try item.decode(limits: limits)
                            #expect(item.image.width * item.image.height <= 100_000)
                            read += 1
                        } catch { failed += 1 }
                    }
                } catch { refused += 1 }
            }
        }
        // The damage reaches every stage.
        #expect(refused > 100 && failed > 50 && read > 50, "\(refused) \(failed) \(read)")
    }

    @Test(arguments: 0..<8) func damagedRepliesAreFailuresOrFinite(seed: UInt64) {
        var generator = Generator(state: seed + 100)
        for _ in 0..<200 {
            for vector in Vector.replies {
                do throws(Failure) {
                    let reply = try ReplyMessage(frames: Self.damage(vector.frames, &generator))
                    for case .success(let prediction) in try reply.predictions(count: vector.outcome.items.count) {
                        for kind in ScoreKind.allCases { #expect((0...1).contains(prediction.scores?[kind] ?? 0)) }
                        #expect(prediction.gradient?.values.allSatisfy(\.isFinite) ?? true)
                    }
                } catch {}
            }
        }
    }
}
