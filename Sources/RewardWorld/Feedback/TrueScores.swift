import Glibc
import RewardModel

/// The rules by which a made picture has its true scores, all in [0, 1].
package enum TrueScores {
    /// What a damaged copy differs by from its clean copy.
    package struct Change: Sendable {
        /// The share of the picture inside the masks.
        var area: Float
        /// The share of the masks where some channel changed by more than 12 levels of 255.
        var visibleShare: Float
        /// The mean change inside the masks, in levels of 255.
        var meanChange: Float

        package init(area: Float, visibleShare: Float, meanChange: Float) {
            self.area = area
            self.visibleShare = visibleShare
            self.meanChange = meanChange
        }

        /// Fainter damage is not asked of anybody.
        var isVisible: Bool { visibleShare >= leastVisibleShare && meanChange >= leastMeanChange }
    }

    static let visibleLevels: Float = 12
    static let leastVisibleShare: Float = 0.15
    /// In levels of 255.
    static let leastMeanChange: Float = 10

    /// 1 for a clean picture; a damaged one falls by 0.35 at least, and the more the larger and plainer the damage:
    /// 1 − (0.35 + 0.65 (1 − exp(−(12 · area · visible share + mean change / 60)))).
    package static func plausibility(_ change: Change?) -> Float {
        guard let change else { return 1 }
        let weight = 12 * change.area * change.visibleShare + change.meanChange / 60
        return 0.65 * exp(-weight)
    }

    /// 1 when nothing is contradicted, else 0.75 (1 − the share of the stated facts that are false).
    package static func alignment(_ prompt: PromptTruth) -> Float {
        guard prompt.falseFacts > 0 else { return 1 }
        return 0.75 * (1 - Float(prompt.falseFacts) / Float(max(prompt.facts, 1)))
    }

    /// What makes a picture less pleasing, each 0 (not at all) to 1.
    package struct Blemishes: Sendable {
        var blur: Float
        var noise: Float
        var compression: Float
        var exposure: Float
        var flatness: Float
        var dullness: Float
        var discord: Float
        var imbalance: Float

        /// Of the picture as it is shown, and of what was done to it.
        package init(_ picture: Canvas, _ finish: Finish) {
            blur = finish.blur / Finish.strongestBlur
            noise = finish.noise / Finish.strongestNoise
            let lost = finish.quality.map {
                Float(Finish.qualities.upperBound - $0) / Float(Finish.qualities.count - 1)
            }
            compression = (lost ?? 0) * (lost ?? 0)
            var (sum, square, chroma, mass) = (Float(0), Float(0), Float(0), Float(0))
            // First and second circular moments of hue, weighted by how coloured a pixel is.
            var (first, second) = (SIMD2<Float>.zero, SIMD2<Float>.zero)
            for pixel in picture.pixels {
                let luma = pixel.luma
                sum += luma
                square += luma * luma
                let (b, r) = ((pixel.z - luma) * 0.564, (pixel.x - luma) * 0.713)
                let length = (b * b + r * r).squareRoot()
                chroma += length
                first += SIMD2(b, r)
                if length > 1e-4 { second += SIMD2(b * b - r * r, 2 * b * r) * (1 / length) }
            }
            let count = Float(picture.pixels.count)
            let mean = sum / count
            exposure = min(max((abs(mean - 0.5) - 0.12) / 0.28, 0), 1)
            let deviation = max(square / count - mean * mean, 0).squareRoot()
            flatness = min(max((0.18 - deviation) / 0.15, 0), 1)
            dullness = min(max((0.08 - chroma / count) / 0.08, 0), 1)
            let order = max((first * first).sum(), (second * second).sum()).squareRoot() / max(chroma, 1e-4)
            discord = min(chroma / count / 0.06, 1) * min(max((0.85 - order) / 0.6, 0), 1)
            var centre = SIMD2<Float>.zero
            for y in 0..<picture.height {
                for x in 0..<picture.width {
                    let weight = abs(picture.pixels[y * picture.width + x].luma - mean)
                    mass += weight
                    centre += SIMD2(Float(x), Float(y)) * weight
                }
            }
            centre = centre / max(mass, 1e-4) - SIMD2(Float(picture.width - 1), Float(picture.height - 1)) * 0.5
            imbalance = min((centre * centre).sum().squareRoot() / Float(picture.width) / 0.2, 1)
        }

        /// How much they cost together.
        package var cost: Float {
            0.32 * blur + 0.28 * noise + 0.16 * compression + 0.36 * exposure + 0.26 * flatness + 0.10 * dullness
                + 0.14 * discord + 0.12 * imbalance
        }
    }

    /// 1 less what the blemishes cost and a fifth of what is implausible.
    static func aesthetics(_ blemishes: Blemishes, plausibility: Float) -> Float {
        min(max(1 - blemishes.cost - 0.2 * (1 - plausibility), 0), 1)
    }

    /// 0.4 plausibility + 0.35 alignment + 0.25 aesthetics.
    static func overall(_ plausibility: Float, _ alignment: Float, _ aesthetics: Float) -> Float {
        0.4 * plausibility + 0.35 * alignment + 0.25 * aesthetics
    }

    static func scores(_ change: Change?, _ prompt: PromptTruth, _ blemishes: Blemishes) -> Scores {
        let plausibility = plausibility(change)
        let alignment = alignment(prompt)
        let aesthetics = aesthetics(blemishes, plausibility: plausibility)
        return Scores(
            plausibility: plausibility, alignment: alignment, aesthetics: aesthetics,
            overall: overall(plausibility, alignment, aesthetics))
    }
}
