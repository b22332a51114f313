import FoundationEssentials
import RewardImage
import RewardTestSupport
import Testing

@Suite struct ResamplerTests {
    struct Golden: Decodable {
        struct Case: Decodable {
            var filter: String
            var width: Int
            var height: Int
            var rgb: [UInt8]
        }
        var width: Int
        var height: Int
        var rgb: [UInt8]
        var cases: [Case]
    }

    @Test func resamplingAgreesWithPillowToOneLevel() throws {
        let data = try Data(contentsOf: URL(filePath: Fixtures.path("RewardImageTests", "resample.json")))
        let golden = try JSONDecoder().decode(Golden.self, from: data)
        let image = Image(width: golden.width, height: golden.height, rgb: golden.rgb)
        #expect(golden.cases.count == 10)
        for expected in golden.cases {
            let resampler = Resampler(
                fromWidth: image.width, fromHeight: image.height, toWidth: expected.width, toHeight: expected.height,
                filter: expected.filter == "bilinear" ? .bilinear : .bicubic)
            // Pillow clips what overshoots and rounds to levels.
            let levels = resampler.apply(image).map { min(max($0, 0), 1) * 255 }
            expectClose(
                levels, expected.rgb.map { Float($0) }, absolute: 1.5,
                "\(expected.filter) to \(expected.width)×\(expected.height)")
            expectClose(
                levels.map { $0.rounded() }, expected.rgb.map { Float($0) }, absolute: 1,
                "\(expected.filter) to \(expected.width)×\(expected.height), rounded")
        }
    }

    @Test(arguments: [(7, 5, 3, 4), (4, 4, 9, 11), (1, 1, 6, 2), (5, 3, 5, 3), (13, 2, 1, 1)])
    func theAdjointIsTheTranspose(sizes: (Int, Int, Int, Int)) {
        let (w, h, toW, toH) = sizes
        var state: UInt64 = 3
        func noise(_ count: Int) -> [Float] {
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(state >> 40) / Float(1 << 23) - 1
            }
        }
        for filter in [Resampler.Filter.bilinear, .bicubic] {
            let resampler = Resampler(fromWidth: w, fromHeight: h, toWidth: toW, toHeight: toH, filter: filter)
            let (x, y) = (noise(w * h * 3), noise(toW * toH * 3))
            func dot(_ a: [Float], _ b: [Float]) -> Float {
                Float(zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) })
            }
            // <A x, y> = <x, Aᵀ y>
            expectClose(
                [dot(resampler.apply(Image(width: w, height: h, rgb: x)), y)], [dot(x, resampler.applyAdjoint(y))],
                absolute: 1e-4, "\(filter) \(sizes)")
        }
    }
}
