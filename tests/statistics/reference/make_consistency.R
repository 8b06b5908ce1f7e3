# Rscript make_consistency.R: variance components, tolerance, equivalence and stability by R, lme4 and base functions.
suppressMessages(library(lme4))
set.seed(7)
rows <- data.frame()
for (donor in 1:8) {
  a <- rnorm(1, 0, 0.6)
  for (batch in 1:(2 + donor %% 3)) {
    b <- rnorm(1, 0, 0.3)
    for (vial in 1:(1 + (donor + batch) %% 3)) {
      v <- rnorm(1, 0, 0.15)
      for (assay in 1:(1 + (batch + vial) %% 2))
        rows <- rbind(rows, data.frame(donor = donor, batch = batch, vial = vial, value = 5 + a + b + v + rnorm(1, 0, 0.1)))
    }
  }
}
rows$value <- signif(rows$value, 10)
write.csv(rows, "consistency_data.csv", row.names = FALSE, quote = FALSE)
fit <- lmer(value ~ 1 + (1 | donor / batch / vial), data = rows, REML = TRUE,
            control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
found <- as.data.frame(VarCorr(fit))
name <- c("vial:(batch:donor)" = "vial", "batch:donor" = "batch", "donor" = "donor", "Residual" = "assay")
out <- data.frame(quantity = name[found$grp], value = found$vcov)
out <- rbind(out, data.frame(quantity = "mean", value = fixef(fit)[[1]]))
first <- rows$value[rows$donor <= 4]; second <- rows$value[rows$donor > 4]
ci <- t.test(second, first, conf.level = 0.9)
low <- t.test(second, first, mu = -1, alternative = "greater")$p.value
high <- t.test(second, first, mu = 1, alternative = "less")$p.value
out <- rbind(out, data.frame(quantity = c("difference", "low", "high", "p"),
  value = c(mean(second) - mean(first), ci$conf.int[1], ci$conf.int[2], max(low, high))))
k1 <- function(n, p, g) qt(g, n - 1, sqrt(n) * qnorm(p)) / sqrt(n)
out <- rbind(out, data.frame(quantity = c("k1_10", "k1_30"), value = c(k1(10, 0.95, 0.95), k1(30, 0.99, 0.95))))
month <- rep(c(0, 3, 6, 9, 12, 18), 3); batch <- rep(c("a", "b", "c"), each = 6)
shelf <- data.frame(month = month, batch = batch,
  value = signif(100 - 0.4 * month + c(0, 0.5, 1)[match(batch, c("a", "b", "c"))] + rnorm(18, 0, 0.5), 8))
write.csv(shelf, "stability_data.csv", row.names = FALSE, quote = FALSE)
apart <- lm(value ~ batch * month, shelf); slope <- lm(value ~ batch + month, shelf); line <- lm(value ~ month, shelf)
out <- rbind(out, data.frame(quantity = c("p_slope", "p_intercept", "slope_common", "slope_line"),
  value = c(anova(slope, apart)$`Pr(>F)`[2], anova(line, slope)$`Pr(>F)`[2], coef(slope)[["month"]], coef(line)[["month"]])))
room <- function(m, fit, b) predict(fit, data.frame(month = m, batch = b), interval = "confidence", level = 0.9)[2] - 90
until <- min(sapply(c("a", "b", "c"), function(b) uniroot(room, c(0, 200), fit = slope, b = b, tol = 1e-10)$root))
out <- rbind(out, data.frame(quantity = "until_common_slope", value = until))
out$value <- signif(out$value, 10)
write.csv(out, "consistency_r.csv", row.names = FALSE, quote = FALSE)
cat("lme4", as.character(packageVersion("lme4")), R.version.string, "\n")
