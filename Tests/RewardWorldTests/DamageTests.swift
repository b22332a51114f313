import RewardImage
import RewardTestSupport
import RewardWorld
import Testing

/// Damage stays in its place and shows there.
@Suite struct DamageTests {
    /// A picture with structure everywhere.
    private static let picture: Canvas = {
        var random = WorldRandom(seed: 5, index: 0, purpose: .drawing)
        var canvas = Canvas(width: 128, height: 128)
        for y in 0..<128 {
            for x in 0..<128 {
                let check: Float = (x / 7 + y / 9) % 2 == 0 ? 0.25 : 0.7
                canvas.pixels[y * 128 + x] = SIMD4(
                    check + random.uniform(-0.1, 0.1), check * Float(x) / 128, 0.3 + 0.5 * Float(y) / 128, 0)
            }
        }
        return canvas
    }()

    private static let other = Canvas(width: 128, height: 128, fill: SIMD4(0.9, 0.2, 0.4, 0))

    @Test(arguments: DamageKind.allCases)
    func pixelsOutsideTheMaskAreUntouchedAndThoseInsideChange(kind: DamageKind) {
        var random = WorldRandom(seed: 8, index: 1, purpose: .damage)
        var shown = 0
        for _ in 0..<12 {
            let mask = DamageMask(size: 128, &random)
            let stream = WorldRandom(seed: UInt64(shown), index: 2, purpose: .damage)
            var damager = Damager(clean: Self.picture, mask: mask, donor: Self.other, random: stream)
            let damaged = damager.apply(kind)
            var (outside, change) = (0, Float(0))
            for y in 0..<128 {
                for x in 0..<128 {
                    let (column, row) = (x - mask.box.x, y - mask.box.y)
                    let inBox = (0..<mask.box.width).contains(column) && (0..<mask.box.height).contains(row)
                    let share = inBox ? mask.value(column, row) : 0
                    let (before, after) = (Self.picture.pixels[y * 128 + x], damaged.pixels[y * 128 + x])
                    if share == 0 { outside += before == after ? 0 : 1 }
                    if share >= 0.5 {
                        let gap = after - before
                        change += abs(gap.x) + abs(gap.y) + abs(gap.z)
                    }
                }
            }
            #expect(outside == 0)
            if change / Float(max(mask.area, 1)) > 3 * 0.016 { shown += 1 }
        }
        #expect(shown >= 10)
    }

    @Test func trainedAndHeldOutKindsShareNone() {
        #expect(Set(DamageKind.train).isDisjoint(with: DamageKind.test))
        #expect(DamageKind.train.count >= 20 && DamageKind.test.count >= 6)
        #expect(Set(DamageKind.train + DamageKind.test) == Set(DamageKind.allCases))
    }

    @Test func masksTakeTheSharesOfThePictureTheyShould() {
        var random = WorldRandom(seed: 1, index: 0, purpose: .damage)
        let areas = (0..<400).map { _ in Float(DamageMask(size: 192, &random).area) / (192 * 192) }
        // π r² at 6% is 1.1% of the picture and at 22% 15%; outlines wander, and some hang over the rim.
        #expect((areas.min() ?? 0) > 0.003 && (areas.max() ?? 1) < 0.25)
        let mean = areas.reduce(0, +) / 400
        #expect(mean > 0.03 && mean < 0.08)
    }

    /// Against libjpeg where quantisation is coarse, and scipy's transform where it is fine (see the fixtures' script).
    @Test(arguments: ["8.jpg", "40.jpg", "90.png"])
    func compressionDoesWhatTheReferenceDoes(reference: String) throws {
        let clean = try Self.fixture("grey.png")
        let expected = try Self.fixture("grey-\(reference)")
        let quality = try #require(Int(reference.prefix { $0 != "." }))
        let found = JPEGRoundTrip.apply(to: Canvas(clean), quality: quality).image
        guard case .uint8(let ours) = found.samples, case .uint8(let theirs) = expected.samples else {
            Issue.record("eight-bit samples expected")
            return
        }
        let gaps = zip(ours, theirs).map { abs(Float($0) - Float($1)) }
        // A coefficient on the edge between two steps may fall on either side of it.
        #expect(gaps.reduce(0, +) / Float(gaps.count) < 0.1)
        #expect(gaps.filter { $0 > 1 }.count < gaps.count / 50)
    }

    @Test func blurKeepsWhatIsEvenAndSpreadsAPointByTheGaussian() {
        let even = Canvas(width: 20, height: 20, fill: SIMD4(0.3, 0.6, 0.9, 0)).blurred(2)
        expectClose(even.pixels.map(\.y), [Float](repeating: 0.6, count: 400), absolute: 1e-5, "even")
        var point = Canvas(width: 31, height: 31)
        point.pixels[15 * 31 + 15] = SIMD4(1, 1, 1, 0)
        let spread = point.blurred(1.5)
        // exp(−d² / 2σ²) / 2πσ² at the middle and two pixels away.
        #expect(abs(spread.pixels[15 * 31 + 15].x - 0.0707) < 0.0005)
        #expect(abs(spread.pixels[15 * 31 + 17].x - 0.0291) < 0.0005)
    }

    private static func fixture(_ name: String) throws -> Image {
        try ImageDecoder.decode(try readBytes(Fixtures.path("RewardWorldTests", name))).image
    }
}
