import RewardImage

/// Small pictures for the report.
enum Thumbnail {
    /// The picture shrunk until its longer side is at most `side`.
    static func fitting(_ image: Image, side: Int) -> Image {
        let longest = max(image.width, image.height)
        guard longest > side else { return resampled(image, image.width, image.height) }
        return resampled(
            image, max(image.width * side / longest, 1), max(image.height * side / longest, 1))
    }

    private static func resampled(_ image: Image, _ width: Int, _ height: Int) -> Image {
        let values = Resampler(
            fromWidth: image.width, fromHeight: image.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(image)
        return Image(width: width, height: height, rgb: values.map { UInt8((min(max($0, 0), 1) * 255).rounded()) })
    }

    /// A heatmap as orange light on black: laid over a picture with `screen`, zero changes nothing.
    static func glow(_ map: Heatmap, side: Int) -> Image {
        let (width, height) = (min(map.width, side), min(map.height, side))
        let small = Resampler(
            fromWidth: map.width, fromHeight: map.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(map)
        let pixels = small.values.flatMap { value in
            let level = min(max(value, 0), 1)
            return [UInt8(level * 255), UInt8(level * level * 140), 0]
        }
        return Image(width: width, height: height, rgb: pixels)
    }
}
