import FoundationEssentials
import RewardImage
import RewardTestSupport
import Testing

@Suite struct HeatmapThresholdTests {
    struct Case: Decodable {
        var width: Int
        var height: Int
        var heat: Data
        var percentiles: [String: Float]
        var otsu: Float
    }

    @Test func percentilesAgreeWithNumPyAndOtsuWithScikitImage() throws {
        let cases: [Case] = try MaskFixtures.load("thresholds")
        #expect(cases.count == 9)
        for expected in cases {
            let map = MaskFixtures.heatmap(expected.heat, expected.width, expected.height)
            for (share, value) in expected.percentiles {
                let threshold = try #require(HeatmapThreshold("p\(share)"))
                expectClose([try #require(threshold.value(in: map))], [value], absolute: 1e-6, "p\(share)")
            }
            expectClose([try #require(HeatmapThreshold.otsu.value(in: map))], [expected.otsu], absolute: 1e-6, "Otsu")
        }
    }

    @Test func textIsReadAsTypedAndNonsenseIsRefused() {
        #expect(HeatmapThreshold("0.5") == .absolute(0.5) && HeatmapThreshold("p95") == .percentile(95))
        #expect(HeatmapThreshold("otsu") == .otsu && HeatmapThreshold("p99.5")?.description == "p99.5")
        for text in ["", "p", "p101", "1.5", "-0.1", "nan", "pnan", "Otsu ", "50%"] {
            #expect(HeatmapThreshold(text) == nil, "\(text)")
        }
        #expect(
            MaskAmount("12") == .pixels(12) && MaskAmount("-2%") == .percent(-2) && MaskAmount("2.5") == .pixels(2.5))
        for text in ["", "%", "px", "nan", "inf", "1e300", "5 %%"] { #expect(MaskAmount(text) == nil, "\(text)") }
        #expect(MaskAmount("2%")?.length(width: 512, height: 768) == 10)
        #expect(MaskAmount("50%")?.area(width: 10, height: 10) == 50)
    }

    @Test func aPercentileOfAMostlyFlatMapTakesOnlyWhatStandsOut() {
        var map = Heatmap(width: 10, height: 10, values: [Float](repeating: 0, count: 100))
        map.values[7] = 0.2
        let value = HeatmapThreshold.percentile(50).value(in: map) ?? 1
        #expect(value > 0 && value < 0.2)
    }
}
